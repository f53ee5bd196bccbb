# %% tags=["parameters"]
out = "outputs/runs/raises"  # folder

# %%
print("ready")

# %%
# where it goes wrong
features = {}
features["clap"]
