"""The commands of `avvp`, a module for each part of the work: how each is called, and which function of the library it calls."""
