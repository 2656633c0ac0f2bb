// How a page can have a browser ask a server for something: a page of somebody else's, or one of the server's own.
// Each resolves when the browser has done with it, or after three seconds.
(() => {
  const done = (element, ...events) =>
    new Promise((resolve) => {
      for (const event of events) element.addEventListener(event, resolve);
      setTimeout(resolve, 3000);
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
  // JSON with the equals sign of a form in the last of its texts
  const textForm = (url, body) => {
    const half = body.lastIndexOf('"');
    return form(url, "text/plain", body.slice(0, half), body.slice(half));
  };
  const framed = async (make) => {
    const element = document.createElement("iframe");
    document.body.append(element);
    const content = make();
    element.contentDocument.body.append(content);
    const end = done(element, "load");
    content.submit();
    await end;
  };
  const sandboxed = async (script) => {
    const element = document.createElement("iframe");
    element.setAttribute("sandbox", "allow-scripts");
    // a moment later, when the browser has been told who is logged in, in there too
    const later = `setTimeout(() => ${script}.finally(() => parent.postMessage("", "*")), 300)`;
    element.srcdoc = `<script>${later}</` + "script>";
    const end = done(window, "message");
    document.body.append(element);
    await end;
  };
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const faked = (url, method) => `${url}?_method=${method}`;
  const asked = (url, options) => fetch(url, { credentials: "include", ...options }).catch(() => {});
  window.ask = {
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
    fetchOfFile: (url, method, _, file) =>
      asked(url, { method, headers: { "Content-Type": "application/dicom" }, body: bytes(file) }),
    beacon: async (url, _, body) => {
      navigator.sendBeacon(url, body);
      await new Promise((resolve) => setTimeout(resolve, 500));
    },
    textForm: (url, _, body) => {
      const element = textForm(url, body);
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
    framedForm: (url, _, body) => framed(() => form(url, "multipart/form-data", "f", body)),
    framedFileForm: (url, _, __, file) => framed(() => form(url, "multipart/form-data", "f", "", file)),
    sandboxed: (url, _, body) =>
      sandboxed(
        `fetch(${JSON.stringify(url)}, {method: "POST", mode: "no-cors", credentials: "include", body: ${JSON.stringify(body)}})`,
      ),
    redirectedForm: (url, _, body) => {
      const element = textForm(`/redirect/307/${encodeURIComponent(url)}`, body);
      document.body.append(element);
      element.submit();
    },
  };
})();
