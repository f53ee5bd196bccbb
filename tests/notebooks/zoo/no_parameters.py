# %%
seed = 0  # not tagged
