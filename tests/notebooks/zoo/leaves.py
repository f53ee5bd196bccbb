# %% tags=["parameters"]
seed = 0  # a whole number

# %%
import sys

sys.exit(0)

# %%
print("never reached")
