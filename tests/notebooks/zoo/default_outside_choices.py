# %% tags=["parameters"]
size = "medium"  # one of small, large: but the default is neither
