# %% tags=["parameters"]
seed = 0  # once
seed = 1  # and again
