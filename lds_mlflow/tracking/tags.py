"""The tags by which the project finds its own runs again."""

__all__ = [
    "ALARMS",
    "CANDIDATE_RUN",
    "CHAMPION_RUN",
    "COST",
    "DECISION",
    "DOMAIN",
    "ERROR",
    "FIGURES",
    "FINGERPRINT",
    "GONE",
    "INPUTS",
    "JUDGED_AGAINST",
    "OTHER_PARAMETERS",
    "OUTPUT",
    "PARAMETERS",
    "PART",
    "PENDING",
    "PROCESS",
    "PROMOTE_RUN",
    "REPLACED",
    "RESUMED",
    "REUSED",
    "SAME_AS",
    "SAMPLER",
    "SEEN",
    "SENTENCE",
    "STATE",
    "STEP",
    "STORED",
    "STUDY",
    "VALUES",
    "VERSION",
]

STEP = "lds.step"
FINGERPRINT = "lds.fingerprint"
"""Digest of the step's code, configuration and inputs: equal fingerprints, equal results."""

OUTPUT = "lds.output"
"""Digest of the values that the run stored."""

INPUTS = "lds.inputs"
"""The runs that this one read, as JSON: by their steps, the id of each, and what identifies its result, which may be
gone later. Where there are many, further tags with a number at their end have the rest."""

STORED = "lds.stored"
"""The artifacts that are the run's result, as JSON: each with its size in bytes, or null where nobody measured it."""

VERSION = "lds.version"
"""The version of a registered model that the run registered, as NAME/NUMBER."""

DOMAIN = "lds.domain"
"""On a run of data: the kind of its examples, a key of DOMAINS."""

GONE = "lds.gone"
"""On a finished run whose result could not be read later: what was found. It is not reused."""

PROCESS = "lds.process"
"""Host, number and start of the process that writes the run."""

SEEN = "lds.seen"
"""When the process that writes the run was last known to live, in seconds since 1970."""

PARAMETERS = "lds.parameters"
"""On the run of a command: where each parameter comes from that was given, as JSON: "flag", or the path of a file."""

OTHER_PARAMETERS = "lds.other_parameters"
"""The parameters that the run's list leaves out, as JSON: those with their default values, and those that name runs."""

PART = "lds.part"
"""The part of the data that the run's figures were measured by: select or test."""

RESUMED = "lds.resumed"
"""On a run that went on from a checkpoint: the run that wrote it."""

REUSED = "lds.reused"
"""On a run that had nothing to do: the run that already had its result."""

SENTENCE = "lds.sentence"
"""What came out, in a sentence."""

ALARMS = "lds.alarms"
"""On a finished run: what makes its result worth little, as a JSON list of sentences. It stops automatic promotion."""

ERROR = "lds.error"
"""On a failed run: why."""

STUDY = "lds.study"
"""The search that a run belongs to."""

STATE = "lds.state"
"""How a trial ended: complete, pruned, stopped, failed, or lost with its worker."""

SAME_AS = "lds.same_as"
"""On a trial that was answered from the record: the one that had the same parameters."""

COST = "seconds"
"""The figure that says how many seconds a step took."""

SAMPLER = "lds.sampler"
"""On a model version: the name of the sampler that it draws with, as the parameter `sampler` takes it."""

VALUES = "lds.values"
"""On a model version: digest of the values that it consists of."""

DECISION = "lds.decision"
"""On a model version: promoted, kept as challenger or rolled back; and which limits decided."""

JUDGED_AGAINST = "lds.judged_against"
"""On a model version: the version that was the champion when that was decided, or "none"."""

REPLACED = "lds.replaced"
"""On a version that became the champion: the one that it replaced, or "none"."""

PENDING = "lds.pending"
"""On a model version: what a command has begun to do with the champion's alias, or "none" where all of it is done."""

FIGURES = "lds.figures"
"""On a model version: what was compared with the champion, as JSON."""

PROMOTE_RUN, CANDIDATE_RUN, CHAMPION_RUN = "lds.run.promote", "lds.run.candidate", "lds.run.champion"
"""On a model version: the runs that decided on it, and that evaluated it and the champion of then."""
