// What the scripts of all widgets use; Python puts it in front of each.

function node(tag, parent, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  parent?.append(made);
  return made;
}

function button(parent, className, label, key, onclick) {
  const made = node("button", parent, className);
  made.type = "button";
  if (key) node("kbd", made, "", key);
  node("span", made, "avvp-name", label);
  made.addEventListener("click", onclick);
  return made;
}

const readable = (name) => name.replaceAll("_", " ");

function url(bytes, type) {
  return URL.createObjectURL(new Blob([bytes], { type }));
}
