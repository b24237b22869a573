"""What can be chosen by name: one table a file, from names to where their implementations are.

A table is the only place in which its names stand: the configuration checks against it, the help texts list it, and
what carries a choice out is imported when it is used. So nothing here imports more than Python's own library.
"""

from lds_mlflow.choices.choice import Choice, call, load, look_up, phrases

__all__ = ["Choice", "call", "load", "look_up", "phrases"]
