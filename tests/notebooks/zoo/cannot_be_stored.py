# %% tags=["parameters"]
seed = 0  # a whole number

# %%
from IPython.display import display

display({"application/json": object()}, raw=True)

# %%
print("went on")
