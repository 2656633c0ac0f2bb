// OHIF's configuration. The server puts `window.longitudinalRoots` before it; the page has set PUBLIC_URL.
(function () {
  const roots = window.longitudinalRoots;
  const base = window.PUBLIC_URL; // "/ohif/", or "/prefix/ohif/" behind a reverse proxy
  // the prefix of a reverse proxy, if there is one, stands before all of Orthanc
  const prefix = base.endsWith(roots.ohif + '/') ? base.slice(0, -roots.ohif.length - 1) : '';
  const server = window.location.origin + prefix;

  // Orthanc 1.10 takes a query as it comes, and OHIF writes a comma as %2C and a caret as %5E: no description would be
  // listed, and no patient found by "FAMILY^GIVEN". Both characters may stand in a query as they are.
  // And the addresses of bulk data, which Orthanc writes itself, know neither the proxy's prefix nor its https.
  const addressFor = function (url) {
    const [address, query] = url.split(/\?(.*)/s, 2);
    const asked = address.replace(/^https?:\/\/[^/]+/, '');
    const isHere = [roots.dicomWeb, roots.qido].some((root) => asked.startsWith(prefix + root + '/'));
    const path = isHere ? asked.slice(prefix.length) : asked;
    if (![roots.dicomWeb, roots.qido].some((root) => path.startsWith(root + '/'))) return url;
    const plain = query === undefined ? '' : '?' + query.replace(/%2C/gi, ',').replace(/%5E/gi, '^');
    return server + path + plain;
  };
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...others) {
    return open.call(this, method, addressFor(String(url)), ...others);
  };

  // What the extension needs to know. React comes by the one public way that hands it over: OHIF asks for a logo.
  const longitudinal = { prefix: prefix, root: roots.imaging, React: null, onMissingReference: null, lacksReference: false };
  window.longitudinal = longitudinal;
  const extension = base + 'longitudinal/ohif/extension/extension.js';
  // fetched beside OHIF's own code, not after it
  const ahead = document.createElement('link');
  ahead.rel = 'modulepreload';
  ahead.href = extension;
  document.head.append(ahead);

  window.config = {
    name: 'orthanc-longitudinal',
    routerBasename: base,
    extensions: [extension],
    modes: [],
    whiteLabeling: {
      createLogoComponentFn: function (React) {
        longitudinal.React = React;
        return undefined; // OHIF's own logo stays
      },
    },
    customizationService: [
      {
        // a tour covers the page, and asks for nothing we need
        'ohif.tours': { $set: [] },
        // OHIF calls it while it draws an RTSTRUCT or SEG whose images are not there; without one the viewer goes black
        missingReferenceDisplaySetHandler: {
          $set: function () {
            longitudinal.lacksReference = true;
            if (longitudinal.onMissingReference !== null) longitudinal.onMissingReference();
            return { handled: true };
          },
        },
      },
    ],
    showStudyList: true,
    showErrorDetails: 'always',
    showLoadingIndicator: true,
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: false,
    strictZSpacingForVolumeViewport: true,
    maxNumberOfWebWorkers: 3,
    // Orthanc has 50 HTTP threads by default, shared with everybody else
    maxNumRequests: { interaction: 20, thumbnail: 5, prefetch: 10 },
    investigationalUseDialog: { option: 'always' },
    defaultDataSourceName: 'orthanc',
    dataSources: [
      {
        namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
        sourceName: 'orthanc',
        configuration: {
          friendlyName: 'Orthanc',
          name: 'orthanc',
          qidoRoot: server + roots.qido,
          wadoRoot: server + roots.dicomWeb,
          wadoUriRoot: server + roots.wado,
          imageRendering: 'wadors',
          // DICOMweb's /rendered answers 400 to a browser's Accept header
          thumbnailRendering: 'wadors',
          enableStudyLazyLoad: true,
          qidoSupportsIncludeField: false,
          supportsFuzzyMatching: false,
          supportsWildcard: true,
          supportsReject: false,
          dicomUploadEnabled: true,
          omitQuotationForMultipartRequest: true,
          bulkDataURI: { enabled: true },
        },
      },
    ],
  };
})();
