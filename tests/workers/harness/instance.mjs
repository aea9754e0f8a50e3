// Keeps in reach the WebAssembly instance that the Worker runs in: the latest, as a new one follows a panic.
export const latest = {};

WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(target, options, newTarget) {
    const instance = Reflect.construct(target, options, newTarget);
    if (instance.exports.memory) latest.memory = instance.exports.memory;
    return instance;
  },
});
