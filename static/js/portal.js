/* Connects each element that names behaviours to their modules, which are loaded when such an element is there.
   Everything works without them. */

const connected = new WeakSet();

export function connectAll(root) {
  for (const element of root.querySelectorAll("[data-behaviour]")) {
    if (connected.has(element)) continue;
    connected.add(element);
    for (const name of element.dataset.behaviour.split(" ")) {
      import(`./behaviours/${name}.js`).then((behaviour) => behaviour.connect(element));
    }
  }
}

connectAll(document);
