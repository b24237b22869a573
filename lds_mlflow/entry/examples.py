"""The examples at the end of each help text: the flags that a command is often given."""

__all__ = ["EXAMPLES"]

EXAMPLES: dict[str, tuple[str, ...]] = {
    "main": ("", "--data=faces --resolution=64"),
    "data": ("--data=faces.zip --resolution=64", "--data=celeba --label=Male"),
    "train": ("--data=faces --resolution=64", "--data=faces --resolution=64 --dry_run=true"),
    "open": ("--model=generator", "--model=vae --data=faces --dry_run=true"),
    "encode": ("--data=faces --resolution=64", "--train_run=1a2b3c4d"),
    "augment": ("--data=faces --top_fraction=0.1", "--selection=paper --sigma=norm/5 --tau=0.28"),
    "finetune": ("--data=faces --resolution=64", "--train_run=1a2b3c4d --augment_run=none"),
    "classifier": ("--data=faces", "--data=faces --label=gender"),
    "calibrate": ("--data=faces --resolution=64", "--sampler_kernel=neighbours"),
    "evaluate": ("--model_run=1a2b3c4d", "--model_run=1a2b3c4d --sampler=prior"),
    "compare": ("--runs=old=1a2b3c4d,new=5e6f7a8b", "--runs=1a2b3c4d,5e6f7a8b --sampler=density"),
    "register": ("--model_run=1a2b3c4d", "--model_run=1a2b3c4d --registered_model=faces"),
    "ablate": ("--seeds=3", "--data=faces --arms=random,lds,sample-density"),
    "sample": ("--model_run=models:/faces/1 --count=16", "--data=faces --label=gender --sample_label=Female"),
    "export": ("--model_run=1a2b3c4d", "--model_run=models:/faces/1 --folder=faces"),
    "promote": ("--candidate=3", "--rollback=true"),
    "serve": ("--model=models:/faces@champion", "--model=models:/faces/3 --port=8080"),
    "image": ("--model=models:/faces@champion", "--model=models:/faces/3 --image=faces:3"),
    "deliver": ("", "--work_dir=/scratch/lds"),
    "doctor": ("", "--work_dir=/scratch/lds"),
    "tune": ("--trials=50", '--space=sampling --ranges="sampler=density|mixture"'),
}
"""Examples by the name of an entry point; a run is named by the first digits of its id."""
