# %% tags=["parameters"]
seed = 0  # here

# %% tags=["parameters"]
rate = 0.5  # and there
