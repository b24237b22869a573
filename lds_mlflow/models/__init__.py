"""Networks: autoencoders, how examples and latents go through them, and others' pretrained networks."""
