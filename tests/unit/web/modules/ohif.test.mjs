import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const EXTENSION = new URL('../../../../plugin/longitudinal/ohif/extension/', import.meta.url);
const NPM = new URL('../../../javascript/', import.meta.url);
const load = (path) => import(new URL(path, EXTENSION));

const { missingOf } = await load('needs.js');
const { chosenOf, layoutFor } = await load('grid.js');
const { rowsOf } = await load('question.js');
const { Images, frameNumberOf } = await load('images.js');
const { FrameMaps } = await load('frame_maps.js');
const { labelOf } = await load('measurements.js');
const { misfitsOf } = await load('misfits.js');
const { withoutReference } = await load('missing_reference.js');
const { Api } = await import(new URL('../../web/shared/api.js', EXTENSION));
const { applied } = await import(new URL('../../web/shared/geometry.js', EXTENSION));

/** What a viewer has to have for the extension to work, without anything behind it. */
function viewer() {
  const nothing = () => {};
  const services = {
    viewportGridService: { getState: () => ({ viewports: new Map() }), getActiveViewportId: nothing, setActiveViewportId: nothing, setLayout: nothing },
    cornerstoneViewportService: { getCornerstoneViewport: nothing },
    displaySetService: { getDisplaySetByUID: nothing, getActiveDisplaySets: () => [], subscribe: nothing, EVENTS: {} },
    hangingProtocolService: { getViewportsRequireUpdate: nothing },
    customizationService: { setCustomizations: nothing },
    toolbarService: { register: nothing, updateSection: nothing },
    toolGroupService: { getToolGroupIds: () => [], getToolGroup: nothing, subscribe: () => ({ unsubscribe: nothing }), EVENTS: {} },
    uiNotificationService: { show: nothing },
    panelService: { addPanel: nothing },
  };
  const libraries = {
    cornerstone: { metaData: { get: nothing }, Enums: { Events: { IMAGE_RENDERED: 'rendered' } } },
    cornerstoneTools: { BaseTool: class {}, addTool: nothing },
  };
  return {
    servicesManager: { services },
    commandsManager: { getCommand: () => ({}), runCommand: nothing },
    extensionManager: { getModuleEntry: () => ({ exports: { getCornerstoneLibraries: () => libraries } }) },
  };
}

test('what a version of OHIF lacks is named, and nothing else', () => {
  assert.deepEqual(missingOf(viewer()), { needed: [], optional: [] });
  const managers = viewer();
  delete managers.servicesManager.services.hangingProtocolService;
  delete managers.servicesManager.services.viewportGridService.getState;
  delete managers.servicesManager.services.toolbarService.register;
  managers.commandsManager.getCommand = (name) => (name === 'loadStudy' ? undefined : {});
  managers.extensionManager.getModuleEntry = () => undefined;
  const { needed, optional } = missingOf(managers);
  assert.deepEqual(needed, [
    'viewportGridService.getState', 'hangingProtocolService', '@ohif/extension-cornerstone.utilityModule.common', 'command loadStudy',
  ]);
  assert.deepEqual(optional, ['toolbarService.register']);
  assert.ok(missingOf({}).needed.length > 5);
});

test('up to six studies are laid out, the one that was asked in among them', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(layoutFor), [[1, 1], [1, 2], [1, 3], [2, 2], [2, 3], [2, 3]]);
  const years = [...Array(20).keys()];
  for (const source of years) {
    const chosen = chosenOf(years, source);
    assert.equal(chosen.length, 6);
    assert.ok(chosen.includes(source));
    assert.deepEqual(chosen, [...chosen].sort((one, other) => one - other));
  }
  assert.deepEqual(chosenOf([1, 2], 0), [1, 2]);
});

test('studies are listed in time order, whichever list of the answer they are in', () => {
  const match = (id, date, time) => ({ studyInstanceUid: id, studyDate: date, acquisitionDateTime: time });
  const rows = rowsOf({
    matches: [match('a', '2020-01-01', '2020-01-01T08:00:00'), match('c', '2021-05-05', '2021-05-05T10:00:00'), match('e', '', null)],
    unresolved: [match('b', '2020-06-01'), match('d', '2022-01-01'), match('f', '')],
  });
  assert.deepEqual(rows.map(({ study }) => study), ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(rows.map(({ match: one, unresolved }) => [one !== null, unresolved !== null]),
    [[true, false], [false, true], [true, false], [false, true], [true, false], [false, true]]);
});

/** A stack of axial images with these z, and the viewport that shows them. */
function stack(heights, more = {}) {
  const of = (id) => heights[Number(id.slice(2))];
  const metaData = {
    get: (kind, id) => (kind === 'instance' ? { SOPInstanceUID: id, SliceThickness: 4, ...more } : {
      imagePositionPatient: [0, 0, of(id)], rowCosines: [1, 0, 0], columnCosines: [0, 1, 0], rowPixelSpacing: 1, columnPixelSpacing: 1, ...more,
    }),
  };
  return { images: new Images(metaData), viewport: { getImageIds: () => heights.map((_, at) => `i:${at}`) } };
}

test('a point belongs to the nearest image, as far as half the gap on its side', () => {
  const { images, viewport } = stack([0, 2, 4, 12, 14]);
  const at = (z) => {
    const { index, isWithin } = images.nearest(viewport, [0, 0, z]);
    return [index, isWithin];
  };
  assert.deepEqual(at(2.9), [1, true]);
  assert.deepEqual(at(7.9), [2, true]); // in a hole the nearest plane still answers
  assert.deepEqual(at(8.1), [3, true]);
  assert.deepEqual(at(14.9), [4, true]);
  assert.deepEqual(at(15.1), [4, false]);
  assert.deepEqual(at(-1.1), [0, false]);
});

test('a picture without a place has no plane', () => {
  const { images, viewport } = stack([0, 1], { usingDefaultValues: true });
  assert.equal(images.nearest(viewport, [0, 0, 0]), null);
  assert.equal(frameNumberOf('wadors:http://host/series/1/instances/2/frames/17'), 17);
  assert.equal(frameNumberOf('dicomweb:http://host/wado?frame=3'), 3);
  assert.equal(frameNumberOf('wadouri:http://host/1'), 1);
});

/** Frame maps in front of a server that maps points by `map`, and how often it was asked. */
function mapsBy(map, more = {}) {
  const asked = [];
  const fetcher = async (_, { body }) => {
    const { points } = JSON.parse(body);
    asked.push(points);
    const mapped = points.map((point) => ({ point: map(point), reason: map(point) === null ? 'outsideTransform' : null }));
    return new Response(JSON.stringify({ path: ['1.2.1'], method: 'rigid', points: mapped, ...more }));
  };
  return { maps: new FrameMaps(new Api({ prefix: '', root: '/imaging' }, fetcher), new AbortController().signal), asked };
}
const near = (one, other) => one.every((value, axis) => Math.abs(value - other[axis]) < 1e-6);

test('a linear transform is asked for once, and holds for any point', async () => {
  const matrix = [[0.8, -0.6, 0, 5], [0.6, 0.8, 0, -7], [0, 0, 1.1, 300]];
  const { maps, asked } = mapsBy((point) => applied(matrix, point));
  for (const point of [[10, 20, 30], [-500, 3, 0.25], [0, 0, 0]]) {
    const { point: found } = await maps.map('a', 'b', 'P', point);
    assert.ok(near(found, applied(matrix, point)), String(found));
  }
  assert.equal(asked.length, 1);
  assert.deepEqual(await maps.map('a', 'a', 'P', [1, 2, 3]), { point: [1, 2, 3] });
  maps.forget();
  await maps.map('a', 'b', 'P', [1, 2, 3]);
  assert.equal(asked.length, 2);
});

test('a deformable transform is asked for each point, even where it looks linear', async () => {
  const { maps, asked } = mapsBy(([x, y, z]) => [x + 5 * Math.sin(x / 30), y, z], { method: 'deformable' });
  const { point } = await maps.map('a', 'b', 'P', [10, 20, 30]);
  assert.ok(near(point, [10 + 5 * Math.sin(10 / 30), 20, 30]));
  await maps.map('a', 'b', 'P', [11, 20, 30]);
  assert.deepEqual(asked.slice(1), [[[10, 20, 30]], [[11, 20, 30]]]);
  const same = mapsBy((one) => one, { method: 'deformable' });
  await same.maps.map('a', 'b', 'P', [1, 1, 1]);
  await same.maps.map('a', 'b', 'P', [2, 2, 2]);
  assert.equal(same.asked.length, 3);
});

test('where no transform leads, and outside of one, there is a reason and no point', async () => {
  const unaligned = mapsBy(() => null, { path: null, reason: 'needsAlignment' });
  assert.deepEqual(await unaligned.maps.map('a', 'b', 'P', [1, 2, 3]), { reason: 'needsAlignment' });
  const bounded = mapsBy(([x, y, z]) => (x > 50 ? null : [x + 1, y, z]), { method: 'deformable' });
  assert.deepEqual(await bounded.maps.map('a', 'b', 'P', [0, 0, 0]), { point: [1, 0, 0] });
  assert.deepEqual(await bounded.maps.map('a', 'b', 'P', [60, 0, 0]), { reason: 'outsideTransform' });
});

test('a mapped report says so as a measurement, and what was not measured is not 0', () => {
  assert.equal(labelOf({ name: 'seg VII', saidBy: 'person', uncertaintyMm: null }), 'seg VII');
  assert.equal(labelOf({ name: 'seg VII', saidBy: 'plugin', uncertaintyMm: 1.25 }), 'seg VII (mapped, error up to 1.3 mm)');
  assert.equal(labelOf({ name: 'seg VII', saidBy: 'plugin', uncertaintyMm: null }), 'seg VII (mapped, error not measured)');
});

test('of what lacks its images the series is named', () => {
  const lacking = { displaySetInstanceUID: '1', isOverlayDisplaySet: true, Modality: 'RTSTRUCT', SeriesDescription: 'Organs', referencedSeriesInstanceUID: '1.2.3' };
  const told = withoutReference([lacking, { ...lacking, referencedDisplaySetInstanceUID: '2' }, { displaySetInstanceUID: '3' }, undefined]);
  assert.equal(told.length, 1);
  assert.match(told[0].message, /RTSTRUCT “Organs”.*1\.2\.3/);
});

/** Whether the npm packages are there that only these tests need (scripts/setup.sh test). */
const hasPackages = existsSync(new URL('node_modules/happy-dom/package.json', NPM));
const skip = hasPackages || process.env.CI === 'true' ? false : 'no npm packages: scripts/setup.sh test fetches them';

for (const [version, folder] of [['18', 'react18'], ['19', 'react19']]) {
  test(`the panel is rendered by React ${version}, and says what is missing`, { skip }, async () => {
    const { Window } = createRequire(new URL('package.json', NPM))('happy-dom');
    const window = new Window({ url: 'http://localhost/ohif/viewer', settings: { disableCSSFileLoading: true, handleDisabledFileLoadingAsSuccess: true } });
    const { document } = window;
    Object.assign(globalThis, { window, document, HTMLElement: window.HTMLElement, Node: window.Node, location: window.location });
    const require = createRequire(new URL(`${folder}/package.json`, NPM));
    const React = require('react');
    assert.equal(React.version.split('.')[0], version);
    const { createRoot } = require('react-dom/client');
    globalThis.IS_REACT_ACT_ENVIRONMENT = true;
    const act = React.act ?? require('react-dom/test-utils').act;

    window.longitudinal = { prefix: '', root: '/imaging', React: null };
    const { Panel, default: extension } = await load(`extension.js?${version}`);
    const shown = async (managers) => {
      extension.preRegistration(managers);
      extension.onModeEnter();
      const place = document.createElement('div');
      document.body.append(place);
      const root = createRoot(place);
      await act(async () => root.render(React.createElement(Panel)));
      for (let round = 0; round < 100 && !/\S/.test(text(place)); round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const said = text(place);
      await act(async () => root.unmount());
      extension.onModeExit();
      return said;
    };
    assert.match(await shown(viewer()), /did not hand over React/);
    window.longitudinal.React = React;
    assert.match(await shown(viewer()), /Ctrl\+click a place/);
    const lacking = viewer();
    delete lacking.servicesManager.services.hangingProtocolService;
    assert.match(await shown(lacking), /Missing:[^]*hangingProtocolService/);
    await window.happyDOM.close();
  });
}

/** Text of an element and of the shadow root below it. */
function text(place) {
  const root = place.querySelector('[data-longitudinal]')?.shadowRoot;
  return root ? root.textContent : place.textContent;
}

test('an object that does not fit the series shown is listed with the reason, and one that fits is not', () => {
  const object = (uid, modality, series, study = 'study') => ({ id: `instance:${uid}`, kind: 'instance', uid, present: true, modality, label: uid, seriesInstanceUid: series, studyInstanceUid: study });
  const series = (uid, present = true) => ({ id: `series:${uid}`, kind: 'series', uid, present, modality: 'CT', label: `scan ${uid}`, date: '2024-01-01' });
  const edge = (from, to, role, status = 'ok', more = {}) => ({ id: `${from}>${to}`, from: `instance:${from}`, to, role, status, inferred: false, ...more });
  const frame = (name, ...seriesInstanceUids) => ({ kind: 'frameOfReference', name, seriesInstanceUids });
  const relations = {
    total: 0,
    nodes: [object('fits', 'RTSTRUCT', 's1'), object('other', 'RTSTRUCT', 's2'), object('recon', 'SEG', 's3'), object('lost', 'RTSTRUCT', 's4'), object('dose', 'RTDOSE', 's5'),
      object('part', 'RTSTRUCT', 's6'), object('elsewhere', 'RTSTRUCT', 's7', 'a study that is not open'), object('plan', 'RTPLAN', 's8'), series('ct'), series('ct2'), series('mr'), series('gone', false)],
    edges: [edge('fits', 'series:ct', 'drawnOnSeries'), edge('fits', 'series:gone', 'contourOnImage', 'missing'), edge('other', 'series:mr', 'drawnOnSeries'),
      edge('recon', 'series:ct2', 'source'), edge('lost', 'series:gone', 'drawnOnSeries', 'missing'), edge('part', 'series:ct', 'drawnOnImage', 'incomplete'),
      edge('elsewhere', 'series:mr', 'drawnOnSeries'), edge('plan', 'series:mr', 'drawnOnSeries', 'missing'), edge('fits', 'series:mr', 'drawnOnSeries', null, { inferred: true, id: 'guess' })],
    groups: [frame('F', 'ct', 'ct2', 's1', 's3', 's6'), frame('M', 'mr', 's2', 's5', 's7'), { kind: 'modality', name: 'CT', seriesInstanceUids: ['s2'] }],
    problems: [{ edge: 'lost>series:gone', text: 'The series that this structure set was drawn on is not here' }],
  };
  const misfits = misfitsOf(relations, { series: 'ct', frame: 'F' }, new Set(['study']));
  assert.deepEqual(misfits.map(({ name }) => name), ['other', 'recon', 'lost', 'dose', 'part']);
  const reasons = Object.fromEntries(misfits.map((one) => [one.name, one.reasons]));
  assert.deepEqual(reasons.other, ['Drawn on another series: 2024-01-01 CT scan mr', 'In another Frame of Reference than these images']);
  assert.deepEqual(reasons.recon, ['Drawn on another series of the same coordinates: 2024-01-01 CT scan ct2']);
  assert.deepEqual(reasons.lost, ['The series that this structure set was drawn on is not here']);
  assert.deepEqual(reasons.dose, ['In another Frame of Reference than these images']);
  assert.deepEqual(reasons.part, ['Only a part is here']);
  // what is an alias of a frame in the headers is the same frame in the index
  assert.deepEqual(misfitsOf(relations, { series: 'ct', frame: 'an alias of F' }, new Set(['study'])).map(({ name }) => name), misfits.map(({ name }) => name));
  const onMr = misfitsOf(relations, { series: 'mr', frame: 'M' }, new Set(['study'])).map(({ name }) => name);
  assert.deepEqual(onMr, ['fits', 'recon', 'lost', 'part']);
});
