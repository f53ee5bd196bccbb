# %% tags=["parameters"]
seed = 0  # fine
rate = 1 / 3  # computed
