// Types of the HTTP API of orthanc-longitudinal, made from openapi.json by scripts/typescript_types.py.
// Not for primary diagnosis.

/** What answers here. */
export interface About {
  name: string;
  version: string;
  notice: string;
  links: { [name: string]: string };
}

/** How well an aligned study is joined with the patient's first images, or with others where no way leads to these. `path` are the ids of the transforms in the order they are applied; of a study with several frames, those of the worst. `expected_error_mm` is the sum of their expected errors, null if one is not measured; `grade` is on the scale of matches; `reviewed`: a person accepted every transform. A match states the error at its own place. */
export interface AlignmentQuality {
  grade: "amber" | "green" | "red" | "unknown";
  expectedErrorMm: number | null;
  reviewed: boolean;
  path: string[];
}

/** Which studies: all of a patient, or some of one patient; one alone is aligned with its best partner. `seriesInstanceUids` are series that are to stand for their studies. `initial` is for one pair of frames, which are then aligned whatever joins them already. */
export interface AlignmentRequest {
  patientId?: string | null;
  studyInstanceUids?: string[] | null;
  method?: "affine" | "deformable" | "rigid";
  seriesInstanceUids?: string[];
  initial?: InitialTransform | null;
}

/** Every study of the patient that passes the filters, in exactly one of the two lists, in time order. `refinement` is present if it was requested. */
export interface Answer {
  point: Point;
  matches: Match[];
  unresolved: Unresolved[];
  flags?: string[];
  refinement?: Refinement;
}

/** One alignment that failed. `rejection` is the code of the fault and `reason` its description, `quality` are the figures (mm if the name says so), `at` is ISO 8601, `by` the user who asked, empty if nobody did. `series` are the two that were tried; `unusableSeriesInstanceUid` is the one of them that cannot be aligned with anything, empty if the two failed together. */
export interface Attempt {
  frameOfReferenceUid: string;
  partnerFrameOfReferenceUid: string;
  partnerStudyInstanceUid: string;
  method: string;
  engine: string;
  rejection: string;
  reason: string;
  quality?: { [name: string]: number | string | boolean | null };
  at?: string;
  by?: string;
  series?: TriedSeries[];
  unusableSeriesInstanceUid?: string;
}

/** One attribute. `tag` is "gggg,eeee"; `keyword` and `name` are empty where the dictionary of the standard has none, as of private ones. `value` is text, backslashes between multiple values; null where it is binary, too long, or a sequence. `isCut`: the value goes on. `items` are those of a sequence, null of anything else; `itemCount` counts all of them, also those left out: of more than a hundred, of frames that were not asked for, and of what is nested deeper than 32 levels. */
export interface Attribute {
  tag: string;
  keyword: string;
  name: string;
  vr: string;
  value: string | null;
  isCut: boolean;
  items: Attribute[][] | null;
  itemCount: number;
}

/** Whether the jobs of the backfill are held, and how many jobs there are. */
export interface Backfill {
  paused: boolean;
  queued: number;
  running: number;
}

/** One answer, or one problem, for each of the points, in their order. */
export interface BatchAnswer {
  results: (Answer | Problem)[];
}

/** One beam; `delivery` is TREATMENT, SETUP, OPEN_PORTFILM... */
export interface Beam {
  number: number | null;
  name: string;
  type: string;
  radiation: string;
  machine: string;
  delivery: string;
}

/** All that was recorded of one plan; `planSopInstanceUid` null for objects that name no plan, or several. */
export interface Course {
  planSopInstanceUid: string | null;
  planLabel: string | null;
  intent: string;
  firstDate: string | null;
  lastDate: string | null;
  dates: string[];
  fractions: CourseFractions[];
  treatments: number;
  portalImages: number;
}

/** One fraction group of a plan. `recorded` are the numbers of the fractions of which a record states a treatment beam, `interrupted` those of them in which one did not end normally. `delivered` is the number that the newest summary states; null without a summary. */
export interface CourseFractions {
  number: number | null;
  planned: number | null;
  recorded: number[];
  interrupted: number[];
  delivered: number | null;
}

/** What to declare of an exam; it replaces what was declared before. */
export interface DeclareRequest {
  patientId?: string | null;
  description?: string;
}

/** A link that went with its study; `deletedAt` is when this node noticed. */
export interface DeletedImage {
  id: string;
  studyInstanceUid: string;
  deletedAt: string;
}

/** One beam of a session, or one application setup of brachytherapy. `delivery` is TREATMENT, CONTINUATION, SETUP..., `termination` NORMAL, OPERATOR, MACHINE or UNKNOWN; metersets in the unit that the plan states. */
export interface DeliveredBeam {
  number: number | null;
  name: string;
  fractionNumber: number | null;
  delivery: string;
  termination: string;
  specifiedMeterset: number | null;
  deliveredMeterset: number | null;
}

/** What the other system states of an image; it replaces what was stated before. */
export interface DetailsRequest {
  description?: string;
  modality?: string | null;
  acquiredAt?: string | null;
  url?: string | null;
}

/** A line between two points, LPS mm, in the Frame of Reference of its report. `length_mm` follows from the points; `stated_mm` is what the report says, null where it says nothing. */
export interface Diameter {
  axis: "length" | "long" | "short";
  points: number[][];
  lengthMm: number;
  statedMm?: number | null;
}

/** A long axis, and perhaps a short one, on one frame of an image; of a place that is kept, or of a new one. `place` is its id; without one, `name` is that of the new place. What the same study had before is replaced. */
export interface DiametersRequest {
  sopInstanceUid: string;
  diameters: DrawnLine[];
  frameNumber?: number;
  place?: string | null;
  name?: string | null;
}

/** One dose at the point. `minGy` and `maxGy` are the least and the largest dose within the uncertainty of the point, null where that is not measured: where the dose falls steeply, `gy` alone would mislead. */
export interface DoseAtPoint {
  frameOfReferenceUid: string | null;
  x: number | null;
  y: number | null;
  z: number | null;
  path: string[] | null;
  method: string | null;
  uncertaintyMm: number | null;
  uncertaintySource: "declared" | "forwardBackward" | "landmarks" | "local" | "sharedFrame" | "unknown";
  grade: "amber" | "green" | "red" | "unknown";
  reviewed: boolean;
  sopInstanceUid: string;
  seriesInstanceUid: string;
  gy: number | null;
  minGy: number | null;
  maxGy: number | null;
  units: string;
  doseType: string;
  summationType: string;
  planSopInstanceUid: string | null;
  beamNumbers: number[];
  flags: string[];
  reason?: DoseReason | null;
  detail?: string;
}

/** One dose on the image; `largestGy` is the largest on the lattice. */
export interface DoseLines {
  sopInstanceUid: string;
  largestGy: number | null;
  levels: Isodose[];
  path: string[] | null;
  uncertaintyMm: number | null;
  reason?: DoseReason | null;
  detail?: string;
}

/** Why a dose says nothing at a point. */
export type DoseReason = "ambiguousOffsets" | "errorDose" | "needsAlignment" | "noFrame" | "noGrid" | "noScaling" | "otherPatient" | "outsideGrid" | "outsideTransform" | "relativeUnits" | "unknownUnits" | "unreadablePixels";

/** Doses added; each is named. What each plan was planned to give, not what was given. */
export interface DoseSum {
  gy: number | null;
  minGy: number | null;
  maxGy: number | null;
  doseSopInstanceUids: string[];
  reason?: DoseSumReason | null;
  detail?: string;
}

/** Why doses are not added. */
export type DoseSumReason = "missingBeams" | "noDoses" | "noPlan" | "notInGray" | "notPhysical" | "otherSummation" | "severalDoses";

/** A line from one pixel to another. */
export interface DrawnLine {
  axis: "long" | "short";
  points: number[][];
}

/** What an object names under one tag path, and whether it is there. `count` are the different UIDs that are named, `references` the items that name them, `present` how many of the UIDs are here as they should be. `status` is null for an edge that no object states: `inferred` is true, and `evidence` says why it is likely. Nothing in the plugin follows such an edge. */
export interface Edge {
  id: string;
  from: string;
  to?: string;
  role?: string;
  path?: string;
  status?: RelationStatus | null;
  count?: number;
  present?: number;
  references?: number;
  sameStudy?: boolean | null;
  inferred?: boolean;
  evidence?: string[];
  detail?: string;
}

/** One exam. `patientId` is the declared one, else that of the first link, else null; `patientSource` says which. `kept` is "archive" if a stored patient or study carries the exam, so that every node has it and it outlives the index file; "node" if no stored patient can carry the declaration yet. `deletedImages` are links that went with their study. `flags`: `otherPatient` if links to another patient's studies were left out. */
export interface Exam {
  exam: string;
  patientId: string | null;
  patientSource: ("declared" | "firstLink") | null;
  description: string;
  kept: "archive" | "node";
  images: number;
  studies: ExamStudy[];
  deletedImages: DeletedImage[];
  flags: string[];
}

/** One image, series or study that is linked to an exam. `linked` says which of them. Of a series or study, sopInstanceUid and orthancInstanceId are those of its first image, `imageCount` and `frameCount` count all. `modality` and `acquisitionDateTime` are what the object states, and only where it states nothing what was given with the link; `given` is what was given. `isStored` is false if it was deleted since. */
export interface ExamImage {
  id: string;
  exam: string;
  linked: "image" | "series" | "study";
  isStored: boolean;
  patientId: string;
  studyInstanceUid: string;
  seriesInstanceUid: string | null;
  sopInstanceUid: string | null;
  orthancStudyId: string;
  orthancInstanceId: string | null;
  modality: string;
  acquisitionDateTime: string | null;
  imageCount: number;
  frameCount: number;
  description: string;
  url: string | null;
  given: GivenDetails;
  linkedBy: string;
  linkedAt: string;
  links: ExamImageLinks;
}

/** Paths on this server; null where what is linked is not stored any more. `preview` is for an <img>; `wado` is the DICOMweb address (WADO-RS) of what is linked, `wadoUri` that of its first image as a file; both null if DICOMweb is not served. `ohif` opens the study, null if OHIF is not served. */
export interface ExamImageLinks {
  preview: string | null;
  wado: string | null;
  wadoUri: string | null;
  ohif: string | null;
}

/** One page of an exam's images, in the order they were linked; `total` counts all. */
export interface ExamImagePage {
  exam: string;
  patientId: string | null;
  total: number;
  limit: number;
  offset: number;
  images: ExamImage[];
  deletedImages: DeletedImage[];
}

/** One page of exams by name; `total` counts all. */
export interface ExamPage {
  total: number;
  limit: number;
  offset: number;
  exams: Exam[];
}

/** Which exams to list: all, or those of a patient (PatientID or Orthanc id). */
export interface ExamQuery {
  patientId?: string | null;
  limit?: number;
  offset?: number;
}

/** A study with links of an exam, and how many. */
export interface ExamStudy {
  studyInstanceUid: string;
  orthancStudyId: string;
  images: number;
}

/** One fiducial (kind fiducial), or one POINT contour of a structure set (kind roi). `x`, `y`, `z` are where it is in `frameOfReferenceUid`, LPS mm, null with a `reason`. `coordinates` are all of its points, as far as they can be placed. `number` is 1-based in its set, or in its region; `statedUncertaintyMm` is Contour Uncertainty Radius (0070,0312) as it is written, and no measured error. */
export interface FiducialPoint {
  sopInstanceUid: string;
  seriesInstanceUid: string;
  studyInstanceUid: string;
  studyDate: string;
  label: string;
  kind: "fiducial" | "roi";
  setNumber: number | null;
  roiNumber: number | null;
  number: number;
  name: string;
  meaning: string;
  description: string;
  fiducialUid: string;
  shape: string;
  colour: [number, number, number] | null;
  frameOfReferenceUid: string | null;
  x: number | null;
  y: number | null;
  z: number | null;
  coordinates: [number, number, number][];
  image: MarkedImage | null;
  statedUncertaintyMm: number | null;
  reason?: FiducialReason | null;
  detail?: string;
}

/** Why a fiducial is not a place that one can go to. */
export type FiducialReason = "badCoordinates" | "noCoordinates" | "noFrame" | "noGeometry" | "notAPoint" | "otherPatient" | "unknownFrame" | "unknownImage" | "unreadable";

/** Which of the fiducials, in time order of the studies. */
export interface FiducialsQuery {
  limit?: number;
  offset?: number;
}

/** A fit that was not stored; lengths in mm. `residualsMm` is the distance left in each pair, `freMm` their root mean square, `fleMm` the error of placing one landmark that it points to; null where the fit leaves none to measure it by. `expectedErrorMm` is what 95 % of errors stay under at `centroid`. */
export interface FitAnswer {
  matrix: number[][];
  residualsMm: number[];
  freMm: number | null;
  fleMm: number | null;
  centroid: number[] | null;
  expectedErrorMm: number | null;
  uncertaintySource: "declared" | "landmarks" | "unknown";
  points: FittedPoint[];
}

/** The same; `points` are points of the source frame (LPS mm) to map and to give the expected error at. */
export interface FitRequest {
  sourceFrameOfReferenceUid: string;
  targetFrameOfReferenceUid: string;
  patientId?: string | null;
  matrix?: number[][] | null;
  landmarks?: Landmark[] | null;
  method?: ("affine" | "rigid") | null;
  expectedErrorMm?: number | null;
  points?: number[][];
}

/** A point of the source frame, where it goes, and what 95 % of errors stay under there, mm. */
export interface FittedPoint {
  source: number[];
  target: number[];
  expectedErrorMm: number | null;
}

/** Beams that are given together; `beam_dose_gy` is the sum over its beams of one fraction, where each states it. */
export interface FractionGroup {
  number: number | null;
  fractionsPlanned: number | null;
  beams: number[];
  beamDoseGy: number | null;
}

/** What a summary states of one fraction group: how many fractions were given of how many, and on which days. */
export interface FractionSummary {
  number: number | null;
  fractionsPlanned: number | null;
  fractionsDelivered: number | null;
  dates?: string[];
}

/** A frame of reference of the patient; frames with one `group` number are joined by transforms. `canonicalFrameOfReferenceUid` is the earliest of its group: chosen anew when its study is deleted, and nothing is kept in it, so nothing is lost. */
export interface Frame {
  frameOfReferenceUid: string;
  aliases: string[];
  studyInstanceUids: string[];
  group: number;
  canonicalFrameOfReferenceUid: string;
}

/** Where the stored values of one frame are, as NumPy's file format; null where none may be asked for, and why. */
export interface FrameLinks {
  pixels: string | null;
  pixelsReason?: PixelsReason | null;
}

/** What was given with a link; null where it was not. */
export interface GivenDetails {
  modality: string | null;
  acquiredAt: string | null;
}

/** That a user may see a patient (`patientId`) or a study (`orthancStudyId`) until a time; the other is empty. */
export interface GrantAnswer {
  id: string;
  patientId: string;
  orthancStudyId: string;
  user: string;
  role: string;
  until: string;
  kind: "emergency" | "shared";
  reason: string;
  by: string;
  at: string;
}

/** Share a patient, or one study, with a user until a time; or, with `emergency`, open it for oneself. `until` is ISO 8601 with an offset. In an emergency `user` and `until` are left out: it ends after the hours that the settings allow. */
export interface GrantRequest {
  reason: string;
  patientId?: string | null;
  studyInstanceUid?: string | null;
  user?: string | null;
  until?: string | null;
  role?: "reviewer" | "viewer";
  emergency?: boolean;
}

/** Grants that count now, the newest first: all for an administrator, for others their own. */
export interface GrantsAnswer {
  grants: GrantAnswer[];
}

/** Series that belong together, and the evidence for it; workflow `unknown` where there is none. */
export interface Group {
  kind: "frameOfReference" | "modality" | "time" | "workflow";
  name: string;
  seriesInstanceUids: string[];
  evidence: string[];
}

/** All attributes of an instance in the order of their tags. */
export interface HeaderAnswer {
  orthancInstanceId: string;
  attributes: Attribute[];
}

/** `frame` (1-based): of per-frame attributes those of this frame alone. */
export interface HeaderQuery {
  frame?: number | null;
}

/** Where the header of a file breaks the standard; the file is stored all the same. `tag` is as 0020,000D. */
export interface HeaderWarning {
  fault: "badUid" | "badValue" | "empty" | "missing" | "wrongVr";
  tag: string;
  keyword: string;
  detail: string;
}

/** Whether the plugin can serve; `state` is "ok" or "failing", and `error` says why. `queued` are changes that wait to be written. `cursorLag` says how many lines of the archive's change log are not followed yet, null before the first look; `reconciled` how often archive and index were compared since the start. Where the index file itself fails, `reason` is a code of docs/reason-codes.md and `since` when it began (ISO 8601, UTC). `signingProblem` says why this node signs nothing (docs/transforms.md), null where it does. */
export interface Health {
  state: "failing" | "ok";
  sidecar: string;
  instances: number;
  notIndexable: number;
  queued: number;
  cursorLag: number | null;
  reconciled: number;
  jobsQueued: number;
  jobsRunning: number;
  runningJobs: RunningJob[];
  backfillPaused: boolean;
  error: string | null;
  reason: string | null;
  since: string | null;
  signingProblem: string | null;
  versions: { [name: string]: string };
}

/** A pixel: `frame_number` is 1-based, `row` and `column` are 0-based, the centre of the first pixel is (0, 0). */
export interface ImagePoint {
  sopInstanceUid: string;
  frameNumber: number;
  row: number;
  column: number;
}

/** Which page of an exam's images to list. */
export interface ImageQuery {
  limit?: number;
  offset?: number;
}

/** `version` changes when the instance is overwritten; the ETag is the same. */
export interface ImageVersion {
  version: string;
}

/** Which studies to index: some, by StudyInstanceUID or Orthanc id, or all of a patient. `align` says whether they are to be registered afterwards. */
export interface IndexRequest {
  studyInstanceUids?: string[] | null;
  patientId?: string | null;
  align?: "affine" | "deformable" | "none" | "rigid";
}

/** How far the index of a study is. `slices` counts the planes it holds: each frame of a multi-frame image is one. `alignment` is that of the study itself. `job` is the index job; `error` says why its last start failed. */
export interface IndexStatus {
  state: "done" | "failed" | "notIndexed" | "queued" | "running";
  progress: number;
  stage: string;
  slices: number;
  skipped: SkippedInstances[];
  alignment: ("aligned" | "failed" | "needsAlignment" | "queued" | "reference" | "running") | null;
  job: string | null;
  error: string | null;
}

/** Where to begin instead of searching, between two frames: a matrix (source to target points), or landmarks. */
export interface InitialTransform {
  sourceFrameOfReferenceUid: string;
  targetFrameOfReferenceUid: string;
  matrix?: number[][] | null;
  landmarks?: Landmark[] | null;
}

/** An instance that has no place in the patient, or frames of one beside others that have; with what draws it. `frame_numbers` are the frames without a place, null for all. What varies by frame is that of the first of them, and so is the link. */
export interface InstanceWithoutPlace {
  sopInstanceUid: string;
  orthancInstanceId: string;
  numberOfFrames: number;
  frameNumbers: number[] | null;
  reason: string;
  detail: string;
  samplesPerPixel: number | null;
  photometricInterpretation: string | null;
  bitsStored: number | null;
  highBit: number | null;
  pixelRepresentation: number | null;
  rows: number | null;
  columns: number | null;
  rescaleSlope: number | null;
  rescaleIntercept: number | null;
  rescaleReason: string | null;
  unit: string | null;
  pixelPaddingValue: number | null;
  pixelPaddingRangeLimit: number | null;
  windowCenter: number | null;
  windowWidth: number | null;
  voiLutFunction: string | null;
  hasVoiLut: boolean;
  links: FrameLinks;
}

/** The lines of one dose, Gy. */
export interface Isodose {
  gy: number;
  lines: [number, number][][];
}

/** One job. `subject` is what it is about, the Orthanc id of a study; of a refined point that of the patient, with a digest of the question. `progress` is 0..1; `secondsLeft` is null where it is not known; `error` says why the last start failed; `result` is the kind's own. `attempts` counts starts. `owner` is the user who asked, empty where no user did. Times are ISO 8601 in UTC. */
export interface JobAnswer {
  id: string;
  kind: string;
  subject: string;
  owner: string;
  state: "cancelled" | "done" | "failed" | "queued" | "running";
  progress: number;
  stage: string;
  secondsLeft: number | null;
  attempts: number;
  error: string | null;
  result: unknown | null;
  created: string;
  started: string | null;
  finished: string | null;
}

/** A job that was queued, or was under way already. */
export interface JobReference {
  id: string;
}

/** Jobs, the newest first; `queued` and `running` count all of them. A `result` of more than 64 KiB, as that of a point refined in hundreds of studies, is null here: ask for the job itself. */
export interface JobsAnswer {
  jobs: JobAnswer[];
  queued: number;
  running: number;
}

/** Which jobs. */
export interface JobsQuery {
  state?: ("cancelled" | "done" | "failed" | "queued" | "running") | null;
  limit?: number;
  offset?: number;
}

/** The studies to keep the place in; all of the patient where none is named. */
export interface KeepInRequest {
  studyInstanceUids?: string[] | null;
}

/** A name, and a pixel (sopInstanceUid, frameNumber, row, column) or a point (patientId, frameOfReferenceUid, x, y, z). `studyInstanceUid` says in which study a point was placed; it is needed where several studies have its frame. */
export interface KeepRequest {
  /** 1 to 64 characters on one line; blanks around it do not count. */
  name: string;
  sopInstanceUid?: string | null;
  frameNumber?: number | null;
  row?: number | null;
  column?: number | null;
  patientId?: string | null;
  frameOfReferenceUid?: string | null;
  x?: number | null;
  y?: number | null;
  z?: number | null;
  studyInstanceUid?: string | null;
}

/** The place after mapped reports were written, the studies they are in, and those they are not in. */
export interface KeptAnswer {
  place: PlaceAnswer;
  kept: string[];
  notKept: NotKept[];
}

/** What one measurement group of a structured report says of a place, in one study. Attributes ---------- id SOP Instance UID + "." + number of the group (1-based). said_by person, a user of this plugin; plugin, mapped by a transform; other, another software. is_own Whether the plugin wrote the report: only these are replaced and deleted. name, label The place's name as this report has it, and its whole text (of a mapped one with transforms and error). x, y, z LPS mm in `frame_of_reference_uid`: the point, or the middle of the (long) diameter. Null with a `reason`. image The pixel of the image that the report is about, where that shows the place; null if it lies beside that image. path, uncertainty_mm Of a mapped report, as it was written: ids of transforms in their order, and the error, null if not measured. stale Null where the report holds. reason, detail Why the position cannot be used now. */
export interface KeptReport {
  id: string;
  sopInstanceUid: string;
  orthancInstanceId: string;
  studyInstanceUid: string;
  studyDate: string;
  acquisitionDateTime: string | null;
  saidBy: "other" | "person" | "plugin";
  isOwn: boolean;
  kind: "diameters" | "point";
  name: string;
  label: string;
  createdBy: string;
  createdAt: string | null;
  manufacturer: string;
  frameOfReferenceUid: string | null;
  x: number | null;
  y: number | null;
  z: number | null;
  image?: ImagePoint | null;
  diameters?: Diameter[];
  path?: string[];
  uncertaintyMm?: number | null;
  stale?: Stale | null;
  reason?: PlaceFault | null;
  detail?: string;
}

/** One place in both frames, LPS mm. */
export interface Landmark {
  source: number[];
  target: number[];
}

/** A link; `isNew` is false if it was there already, which changes nothing. */
export interface LinkAnswer {
  isNew: boolean;
  image: ExamImage;
}

/** Exactly one of the three UIDs (or an Orthanc id in its place), and what the other system states of it. */
export interface LinkRequest {
  description?: string;
  modality?: string | null;
  acquiredAt?: string | null;
  url?: string | null;
  sopInstanceUid?: string | null;
  seriesInstanceUid?: string | null;
  studyInstanceUid?: string | null;
}

/** Where to view the match; absolute paths on this server, null for what it does not serve. */
export interface Links {
  preview: string;
  frame: string;
  ohif: string | null;
}

/** A plan with its beams, fraction groups and prescriptions. */
export interface ListedPlan {
  sopInstanceUid: string;
  seriesInstanceUid: string;
  studyInstanceUid: string;
  studyDate: string;
  label: string;
  plan: Plan;
}

/** An RT Image; `dateSource` tells whether the day is that of its acquisition or only of its content. */
export interface ListedPortalImage {
  sopInstanceUid: string;
  seriesInstanceUid: string;
  studyInstanceUid: string;
  studyDate: string;
  label: string;
  date: string | null;
  dateTime: string | null;
  planSopInstanceUid: string | null;
  planLabel: string | null;
  image: RtImage;
  dateSource: ("acquisition" | "content") | null;
  beamName: string;
  fractionsPlanned: number | null;
}

/** One region. `volumeCc` is ours (null unless asked for, or with a reason), `vendorVolumeCc` ROI Volume (3006,002C). */
export interface ListedRoi {
  roiNumber: number;
  name: string;
  interpretedType: string;
  colour: [number, number, number] | null;
  contours: number;
  volumeCc: number | null;
  vendorVolumeCc: number | null;
  reason?: StructureReason | null;
  detail?: string;
}

/** A structure set (kind contours) or a segmentation (kind segments). */
export interface ListedStructures {
  sopInstanceUid: string;
  seriesInstanceUid: string;
  studyInstanceUid: string;
  studyDate: string;
  label: string;
  kind: string;
  approval: string;
  rois: ListedRoi[];
}

/** A treatment record; its date is Treatment Date (3008,0250), of a summary the most recent one (3008,0056). */
export interface ListedTreatment {
  sopInstanceUid: string;
  seriesInstanceUid: string;
  studyInstanceUid: string;
  studyDate: string;
  label: string;
  date: string | null;
  dateTime: string | null;
  planSopInstanceUid: string | null;
  planLabel: string | null;
  record: Record;
  fractionNumbers: number[];
  fractionsPlanned: number | null;
}

/** `points` of the source frame (LPS mm) to map into the target frame; frames may be `series:<SeriesInstanceUID>`. `patientId` is needed where more than one patient has images in both frames, and where a frame has no images. */
export interface MapRequest {
  sourceFrameOfReferenceUid: string;
  targetFrameOfReferenceUid: string;
  points: number[][];
  patientId?: string | null;
}

/** Where one point lies in the target frame, LPS mm, and how well that is known there; or why it lies nowhere. `uncertainty_mm` is what the error at 95 % of places like this one stays under, null when nothing was measured there. */
export interface MappedPoint {
  point: [number, number, number] | null;
  reason: UnresolvedReason | null;
  uncertaintyMm: number | null;
  uncertaintySource: "declared" | "forwardBackward" | "landmarks" | "local" | "sharedFrame" | "unknown";
  grade: "amber" | "green" | "red" | "unknown";
}

/** The points in their order, and the path by which they were mapped. Where no path leads from source to target `path` and `method` are null, and `reason` and `detail` say why. */
export interface MappedPoints {
  patientId: string;
  sourceFrameOfReferenceUid: string;
  targetFrameOfReferenceUid: string;
  path: string[] | null;
  alternatives: string[];
  method: string | null;
  reviewed: boolean;
  reason: UnresolvedReason | null;
  detail: string;
  points: MappedPoint[];
}

/** The image and the frame (1-based) that a fiducial is marked on. */
export interface MarkedImage {
  sopInstanceUid: string;
  frameNumber: number;
}

/** The same place in one study. `row`, `column` and `slice_index` are 0-based, `frame_number` is 1-based. `x, y, z` is the point in the match's frame (LPS mm), `row, column` its orthogonal projection on the plane, `distance_mm` signed along the plane's normal. `uncertainty_mm` is the bound that 95 % of errors at places like this one stay below, null if nothing was measured there. `flags`: `oneFramePerSlice`, each slice came with a FrameOfReferenceUID of its own; `contrastUnknown`, of a refined match; `unsigned`, the archive says something of a transform of the path that no node of it has signed, and that counts for nothing. */
export interface Match {
  studyInstanceUid: string;
  seriesInstanceUid: string;
  sopInstanceUid: string;
  orthancInstanceId: string;
  isSource: boolean;
  frameNumber: number;
  sliceIndex: number;
  row: number;
  column: number;
  frameOfReferenceUid: string;
  x: number;
  y: number;
  z: number;
  distanceMm: number;
  inGap: boolean;
  chosenBy: "clicked" | "distance" | "modality" | "only" | "order" | "original" | "plane" | "voxel";
  otherSeries: number;
  studyDate: string;
  acquisitionDateTime: string | null;
  modality: string;
  seriesDescription: string;
  path: string[];
  alternatives: string[];
  method: string;
  uncertaintyMm: number | null;
  uncertaintySource: "declared" | "forwardBackward" | "landmarks" | "local" | "sharedFrame" | "unknown";
  grade: "amber" | "green" | "red" | "unknown";
  reviewed: boolean;
  flags: string[];
  links: Links;
}

/** The same place in one study, and the values around it. */
export interface MatchValues {
  studyInstanceUid: string;
  seriesInstanceUid: string;
  sopInstanceUid: string;
  orthancInstanceId: string;
  isSource: boolean;
  frameNumber: number;
  sliceIndex: number;
  row: number;
  column: number;
  frameOfReferenceUid: string;
  x: number;
  y: number;
  z: number;
  distanceMm: number;
  inGap: boolean;
  chosenBy: "clicked" | "distance" | "modality" | "only" | "order" | "original" | "plane" | "voxel";
  otherSeries: number;
  studyDate: string;
  acquisitionDateTime: string | null;
  modality: string;
  seriesDescription: string;
  path: string[];
  alternatives: string[];
  method: string;
  uncertaintyMm: number | null;
  uncertaintySource: "declared" | "forwardBackward" | "landmarks" | "local" | "sharedFrame" | "unknown";
  grade: "amber" | "green" | "red" | "unknown";
  reviewed: boolean;
  flags: string[];
  links: Links;
  values: PlaceValues;
}

/** Who acts, and what they may do. `restricted` tells whether this archive restricts access at all; without that everybody may do everything. `how` is password, token or unknown. `seesEverything` tells whether they see every study. `emergencyHours` is for how long they may open a patient in an emergency, null where they may not. */
export interface Me {
  name: string;
  how: string;
  restricted: boolean;
  roles: AccessRole[];
  seesEverything: boolean;
  emergencyHours: number | null;
}

/** An object, a series, a study or a frame of reference; `id` is its kind and its UID. `present` is false for what is only named: neither stored, nor in another study that may be seen. `label` is what the object calls itself. */
export interface Node {
  id: string;
  kind: "frame" | "instance" | "series" | "study";
  uid: string;
  present: boolean;
  orthancId?: string | null;
  studyInstanceUid?: string | null;
  seriesInstanceUid?: string | null;
  modality?: string;
  sopClassUid?: string;
  sopClass?: string;
  label?: string;
  date?: string;
}

/** A study in which the place was not kept, and why: a code of places, or of studies without a match. */
export interface NotKept {
  studyInstanceUid: string;
  reason: string;
  detail: string;
}

/** One region on the image; no lines where it does not meet the plane. Of a segment `roiNumber` is the Segment Number. */
export interface Outline {
  kind: "contours" | "segment";
  sopInstanceUid: string;
  roiNumber: number;
  name: string;
  colour: [number, number, number] | null;
  lines: [number, number][][];
  path: string[] | null;
  uncertaintyMm: number | null;
  reason?: StructureReason | null;
  detail?: string;
}

/** Lines on one frame of an image; they are exact to `stepMm`, the distance of the places that were looked up. */
export interface Overlays {
  sopInstanceUid: string;
  frameNumber: number;
  stepMm: number;
  structures: Outline[];
  doses: DoseLines[];
}

/** The frame of an image, and the isodose lines wanted, Gy. */
export interface OverlaysRequest {
  sopInstanceUid: string;
  frameNumber?: number;
  levelsGy?: number[];
}

/** What a plane has for itself where it differs from the first one of its stack, down to the last bit. */
export interface OwnGeometry {
  imageOrientationPatient: [number, number, number, number, number, number];
  pixelSpacing: [number, number];
  rows: number;
  columns: number;
  samplesPerPixel: number | null;
  photometricInterpretation: string | null;
  bitsStored: number | null;
  highBit: number | null;
  pixelRepresentation: number | null;
}

/** A patient: studies in time order, frames of reference, and which of them transforms join. `studies` are one page, `total` counts all of them. `loops` say how well the transforms agree; `links` show the studies of the page together. Of failed alignments the page has 200 at most, the newest of each study. */
export interface PatientDetail {
  patientId: string;
  orthancPatientId: string;
  patientName: string;
  identityConflict: boolean;
  total: number;
  limit: number;
  offset: number;
  studies: StudyDetail[];
  frames: Frame[];
  loops: TransformLoop[];
  links: StudyLinks;
}

/** One page of a patient's fiducials, in time order of the studies; `total` counts all. */
export interface PatientFiducials {
  total: number;
  limit: number;
  offset: number;
  points: FiducialPoint[];
}

/** A patient in a list; `patientId` is `study:<StudyInstanceUID>` for a study without PatientID. */
export interface PatientLine {
  patientId: string;
  orthancPatientId: string;
  patientName: string;
  studies: number;
  latestStudyDate: string;
}

/** One page of patients by name; `total` counts all that match. */
export interface PatientPage {
  total: number;
  limit: number;
  offset: number;
  patients: PatientLine[];
}

/** Which of the patient's studies to describe, in time order; all of them where there are no more than 1,000. */
export interface PatientPageQuery {
  limit?: number;
  offset?: number;
}

/** `query` is part of a PatientID or a name; case, accents and the width of Japanese letters do not count. `from`, `to` are dates; patients with a study between them, inclusive. */
export interface PatientQuery {
  query?: string;
  from?: string | null;
  to?: string | null;
  limit?: number;
  offset?: number;
}

/** All of a patient, in time order of the studies; treatments, portal images and courses by their own dates. */
export interface PatientStructures {
  structureSets: ListedStructures[];
  plans: ListedPlan[];
  treatments: ListedTreatment[];
  portalImages: ListedPortalImage[];
  courses: Course[];
}

/** Why there is no link to the pixels of an image. */
export type PixelsReason = "noPixels" | "tooDeep";

/** A place: everything that is kept of it, one entry for each group of each report, in time order of the studies. Attributes ---------- id The tracking UID; `<tracking UID>@<Orthanc id of the patient>` if two patients have it; the id of the report if it has none. source The id of the report that the place is resolved from: a person's, the oldest first. Null if none has a position; `reason` then says why. is_own Whether a user of this plugin keeps it: only such a place can be renamed, deleted and kept in other studies. created_by, created_at Of the source. stale How many of the reports are stale. flags `sharedTrackingUid`. */
export interface PlaceAnswer {
  id: string;
  trackingUid: string | null;
  name: string;
  patientId: string;
  isOwn: boolean;
  kind: "diameters" | "point";
  source: string | null;
  studyInstanceUid: string;
  frameOfReferenceUid: string | null;
  x: number | null;
  y: number | null;
  z: number | null;
  createdBy: string;
  createdAt: string | null;
  reports: KeptReport[];
  stale: number;
  links: PlaceLinks;
  flags?: string[];
  reason?: PlaceFault | null;
  detail?: string;
}

/** A place, and where it is now in every study of the patient. `answer` is what `points/resolve` says of the source, every study in exactly one of its lists; null if the place has no usable position. */
export interface PlaceDetail {
  place: PlaceAnswer;
  answer: Answer | null;
}

/** Why a report, or a group of one, is not offered as a place; or why a place is not kept in a study. */
export type PlaceFault = "badCoordinates" | "noFrameUid" | "notInAStudy" | "reportTooLarge" | "sharedTrackingUid" | "statedAlready" | "unknownFrame" | "unknownImage" | "unknownShape" | "unreadableReport";

/** Where to see the place; absolute paths on this server, null for what it does not serve. */
export interface PlaceLinks {
  timeline: string;
  ohif: string | null;
}

/** Statistics of the voxels whose centres are within the radius of the place, whole voxels only. If there are none, `reason` is a code and `detail` its description, and the figures are null; `voxels` counts those that the images have, `voxels_outside` those that they lack. `quantity` is what the figures are: `HU`, `SUVbw`, `activity` (of a PET image without SUV: `suv_reason` tells why), `raw` (an arbitrary scale, as of MR: two scans need not share it) or `other`, in `unit`. `sd` is that of the voxels themselves. `least_mean` and `greatest_mean` are means of the sphere moved by the place's uncertainty in 26 directions; null where `moved_reason` says why, `notMeasured` among the reasons. */
export interface PlaceValues {
  reason: ValueReason | null;
  detail: string;
  quantity?: ("HU" | "SUVbw" | "activity" | "other" | "raw") | null;
  unit?: string | null;
  voxels?: number | null;
  voxelsOutside?: number | null;
  mean?: number | null;
  sd?: number | null;
  minimum?: number | null;
  maximum?: number | null;
  leastMean?: number | null;
  greatestMean?: number | null;
  movedReason?: ValueReason | null;
  suvReason?: SuvReason | null;
  suvDetail?: string;
}

/** Places of a patient, one page, by the time of the study they were placed in, then by name; `total` counts all. `unread` has at most 1,000 entries, `unread_total` counts all. */
export interface PlacesAnswer {
  total: number;
  limit: number;
  offset: number;
  places: PlaceAnswer[];
  unread: UnreadReport[];
  unreadTotal: number;
}

/** Whose places: PatientID or Orthanc id; and which page of them. */
export interface PlacesQuery {
  patientId: string;
  limit?: number;
  offset?: number;
}

/** What a plan states; `date` as DICOM writes it, `geometry` PATIENT or TREATMENT_DEVICE. */
export interface Plan {
  label: string;
  name: string;
  date: string;
  intent: string;
  geometry: string;
  approval: string;
  prescriptions: Prescription[];
  fractionGroups: FractionGroup[];
  beams: Beam[];
}

/** A point of a patient: LPS, mm, in one Frame of Reference. */
export interface Point {
  patientId: string;
  frameOfReferenceUid: string;
  x: number;
  y: number;
  z: number;
}

/** A dose reference: what is to be given, and to which ROI of the structure set. */
export interface Prescription {
  number: number | null;
  type: string;
  structureType: string;
  description: string;
  roiNumber: number | null;
  targetGy: number | null;
}

/** `quality` 1 to 100 (JPEG), `width` in pixels, `window` as "center,width"; all optional. */
export interface PreviewQuery {
  quality?: number | null;
  width?: number | null;
  window?: string | null;
}

/** What a load balancer or a supervisor asks; `reason` says why the answer is no, "" otherwise. */
export interface Probe {
  state: "failing" | "ok" | "starting";
  reason: string;
}

/** RFC 9457 problem details; programs should rely on `code`. `requestId` leads to the lines of the log. */
export interface Problem {
  code: string;
  status: number;
  title: string;
  detail: string;
  type?: string;
  errors?: ProblemField[];
  orthancIds?: string[];
  requestId?: string;
}

/** One wrong field: a JSON pointer or the name of a query argument, and what to do about it. */
export interface ProblemField {
  field: string;
  detail: string;
}

/** The jobs that do what was asked for. */
export interface QueuedAnswer {
  jobs: JobReference[];
}

/** The point, and what every study of the patient has at it, in time order; `sum` only if it was asked for. */
export interface RadiotherapyAtPoint {
  point: Point;
  studies: StudyAtPoint[];
  sum?: DoseSum | null;
}

/** One answer, or one problem, for each of the points, in their order. */
export interface RadiotherapyBatch {
  results: (RadiotherapyAtPoint | Problem)[];
}

/** The body of /points/resolve, without refine; and which parts of the answer are asked for. */
export interface RadiotherapyRequest {
  /** The clicked image. */
  sopInstanceUid?: string | null;
  /** 1-based; 1 where it is not stated. */
  frameNumber?: number | null;
  /** 0-based, may be fractional: the centre of the first pixel is (0, 0). */
  row?: number | null;
  /** As row. */
  column?: number | null;
  /** Whose point this is, where no image is clicked. */
  patientId?: string | null;
  /** In which x, y and z are. */
  frameOfReferenceUid?: string | null;
  /** LPS mm: to the left of the patient. */
  x?: number | null;
  /** LPS mm: to the back of the patient. */
  y?: number | null;
  /** LPS mm: to the head of the patient. */
  z?: number | null;
  /** Only in these studies. */
  studyInstanceUids?: string[] | null;
  /** Only in studies with images of these exams. */
  exams?: string[] | null;
  /** Only in series of these, as CT. */
  modalities?: string[] | null;
  /** Only in series of these roles; images where none is named. */
  roles?: DicomRole[] | null;
  /** Only in studies from this day on. */
  from?: string | null;
  /** Only in studies up to this day, which counts. */
  to?: string | null;
  /** One match for each study, of the series that shows the place best, or one for each series. */
  per?: "series" | "study";
  /** Only images whose plane is so near to the place. */
  maxDistanceMm?: number | null;
  /** Regions of structure sets and segmentations. */
  structures?: boolean;
  /** RT doses. */
  doses?: boolean;
  /** Also the sum of the doses, if each plan has one dose or one for each of its beams. */
  sum?: boolean;
  /** Many questions, each with fields like these; results has one entry for each. */
  points?: unknown[] | null;
}

/** A linear Real World Value Mapping of the **stored** values, from `first` to `last`; `unit` is a UCUM code. */
export interface RealWorldValueMapping {
  slope: number;
  intercept: number;
  unit: string | null;
  firstValueMapped: number | null;
  lastValueMapped: number | null;
}

/** A treatment, or a summary of several; dates as DICOM writes them. `fraction_number` is the first that a beam of the session states; `fraction_group` the referenced group of the plan. */
export interface Record {
  date: string;
  time: string;
  firstDate: string;
  lastDate: string;
  status: string;
  fractionNumber: number | null;
  fractionGroup?: number | null;
  fractionsPlanned?: number | null;
  beams?: DeliveredBeam[];
  summaries?: FractionSummary[];
}

/** The result of refining one match: `match` is the one to use, the refined one only if `is_refined`. If not, `reason` is a code and `detail` its description; `match` is null if the answer has changed since it was given. `disagreement_mm` is how far the local estimates differ, null if there were none; `grade` is that of the match; `moved_mm` is their distance from the unrefined position, 0 if that is kept. `frames_read` counts the frames that had to be read. */
export interface RefinedMatch {
  studyInstanceUid: string;
  seriesInstanceUid: string;
  isRefined: boolean;
  reason: string | null;
  detail: string;
  grade?: ("amber" | "green" | "red" | "unknown") | null;
  disagreementMm?: number | null;
  movedMm?: number | null;
  match?: Match | null;
  framesRead?: number;
  seconds?: number;
}

/** Where to get the refined matches: the id of a job, null if there is nothing to refine. `results` has the results so far: at first the matches that are not refined at all. */
export interface Refinement {
  job: string | null;
  results: RefinedMatch[];
}

/** An edge that is not as it should be, in words; or an object of which something could not be read. */
export interface RelationProblem {
  edge: string | null;
  node: string;
  status: RelationStatus | null;
  text: string;
}

/** Whether what an object names is here, and is what it is named as. */
export type RelationStatus = "ambiguous" | "cycle" | "emptyReference" | "incomplete" | "missing" | "notIndexed" | "ok" | "otherPatient" | "wrongClass" | "wrongFrame" | "wrongSeries";

/** One page of the edges in the order of their ids, with the nodes they join; `total` counts all edges. Objects without any edge are nodes of the first page. Groups and problems are those of the whole patient or study; of the problems, which `problemsTotal` counts, the first thousand are listed. */
export interface Relations {
  total: number;
  limit: number;
  offset: number;
  nodes: Node[];
  edges: Edge[];
  groups: Group[];
  problems: RelationProblem[];
  problemsTotal: number;
}

/** Which of the edges, in the order of their ids. */
export interface RelationsQuery {
  limit?: number;
  offset?: number;
}

/** `deleted`: the object is gone. `rejected`: it is another's and stays, but no answer uses it any more. */
export interface RemovedAnswer {
  id: string;
  outcome: "deleted" | "rejected";
}

/** The link that was removed; what it led to stays stored. */
export interface RemovedImage {
  exam: string;
  id: string;
}

/** `deleted`: SOP Instance UIDs of the plugin's reports that are gone. `left`: those of others, which stay. */
export interface RemovedPlace {
  id: string;
  deleted: string[];
  left: string[];
}

/** The new name. */
export interface RenameRequest {
  /** 1 to 64 characters on one line; blanks around it do not count. */
  name: string;
}

/** PS3.18 8.3.5: `viewport` "width,height" in pixels, `window` "center,width,linear", `quality` 1 to 100. */
export interface RenderedQuery {
  viewport?: string | null;
  window?: string | null;
  quality?: number | null;
}

/** The plane of the image `sopInstanceUid`, `frameNumber` (1-based) counts; the series `seriesInstanceUid` is cut. `seriesInstanceUid` may be an Orthanc id; `stack` (0-based) is that of `/series/{series}/stacks`. After `wait` seconds 503 says to ask again. */
export interface ResliceQuery {
  sopInstanceUid: string;
  seriesInstanceUid: string;
  frameNumber?: number;
  stack?: number;
  wait?: number;
}

/** Either sopInstanceUid, row, column (and frameNumber), or patientId, frameOfReferenceUid, x, y, z; or points. */
export interface ResolveRequest {
  /** The clicked image. */
  sopInstanceUid?: string | null;
  /** 1-based; 1 where it is not stated. */
  frameNumber?: number | null;
  /** 0-based, may be fractional: the centre of the first pixel is (0, 0). */
  row?: number | null;
  /** As row. */
  column?: number | null;
  /** Whose point this is, where no image is clicked. */
  patientId?: string | null;
  /** In which x, y and z are. */
  frameOfReferenceUid?: string | null;
  /** LPS mm: to the left of the patient. */
  x?: number | null;
  /** LPS mm: to the back of the patient. */
  y?: number | null;
  /** LPS mm: to the head of the patient. */
  z?: number | null;
  /** Only in these studies. */
  studyInstanceUids?: string[] | null;
  /** Only in studies with images of these exams. */
  exams?: string[] | null;
  /** Only in series of these, as CT. */
  modalities?: string[] | null;
  /** Only in series of these roles; images where none is named. */
  roles?: DicomRole[] | null;
  /** Only in studies from this day on. */
  from?: string | null;
  /** Only in studies up to this day, which counts. */
  to?: string | null;
  /** One match for each study, of the series that shows the place best, or one for each series. */
  per?: "series" | "study";
  /** Only images whose plane is so near to the place. */
  maxDistanceMm?: number | null;
  /** One point at a time: true starts a job that refines the matches a transform led to; "wait", where that is one match, waits up to 10 s for it. */
  refine?: boolean | "wait";
  /** Many questions, each with fields like these; results has one entry for each. */
  points?: unknown[] | null;
}

/** Who decided what, when (ISO 8601), and why, in their own words; empty if they gave none. */
export interface Review {
  decision: "accepted" | "rejected";
  by: string;
  at: string | null;
  reason?: string;
}

/** What the authenticated user decides, and why, in a word; the later decision holds. */
export interface ReviewRequest {
  decision: "accepted" | "rejected";
  reason?: string;
}

/** What waits, one page, those of unknown error first, then the largest errors; `total` counts all. */
export interface ReviewsAnswer {
  total: number;
  limit: number;
  offset: number;
  transforms: WaitingAnswer[];
}

/** Whose (PatientID or Orthanc id; of all patients where nobody is named), and which page. */
export interface ReviewsQuery {
  patientId?: string | null;
  limit?: number;
  offset?: number;
}

/** One region at the point. `inside` is null where it cannot be told; `distanceMm` from the surface, negative inside. `membership` is `border` where the distance is within the uncertainty of the point, `notMeasured` where either is not known. For a segment `roiNumber` is its Segment Number. */
export interface RoiAtPoint {
  frameOfReferenceUid: string | null;
  x: number | null;
  y: number | null;
  z: number | null;
  path: string[] | null;
  method: string | null;
  uncertaintyMm: number | null;
  uncertaintySource: "declared" | "forwardBackward" | "landmarks" | "local" | "sharedFrame" | "unknown";
  grade: "amber" | "green" | "red" | "unknown";
  reviewed: boolean;
  kind: "contours" | "segment";
  sopInstanceUid: string;
  seriesInstanceUid: string;
  label: string;
  roiNumber: number;
  name: string;
  interpretedType: string;
  colour: [number, number, number] | null;
  inside: boolean | null;
  distanceMm: number | null;
  membership: "border" | "inside" | "notMeasured" | "outside";
  flags: string[];
  reason?: StructureReason | null;
  detail?: string;
}

/** A picture taken with the treatment beam, or made to be compared with it. `kind` is the third value of Image Type: PORTAL, SIMULATOR, RADIOGRAPH, DRR (computed), FLUENCE... Dates and times as DICOM writes them, those of the acquisition, or of the content where no acquisition is stated (`is_acquired` false). */
export interface RtImage {
  label: string;
  kind?: string;
  date?: string;
  time?: string;
  isAcquired?: boolean;
  fractionNumber?: number | null;
  fractionGroup?: number | null;
  beamNumber?: number | null;
  gantryAngle?: number | null;
}

/** A job that runs: for how long, and how long ago what does it has last given a sign of life (null before the first). */
export interface RunningJob {
  id: string;
  kind: string;
  stage: string;
  ageSeconds: number;
  silentSeconds: number | null;
}

/** A series: its stacks of planes, and the frames of reference they lie in (aliases: a UID per slice). */
export interface SeriesDetail {
  seriesInstanceUid: string;
  orthancSeriesId: string;
  seriesNumber: number | null;
  seriesDescription: string;
  modality: string;
  instances: number;
  planes: number;
  stacks: number;
  roles: string[];
  frameOfReferenceUids: string[];
  aliases: string[];
  skipped: SkippedInstances[];
}

/** Planes one behind the other, along `normal` (unit, LPS); `spacing_mm` is the median gap, null for one plane. Orientation, spacing, rows, columns and the kind of pixels are those of the first plane. Where `is_uniform` is false others differ, if only in the last digit: they have an `own_geometry`. */
export interface SeriesStack {
  index: number;
  frameOfReferenceUid: string;
  role: string;
  imageOrientationPatient: [number, number, number, number, number, number];
  normal: [number, number, number];
  pixelSpacing: [number, number];
  rows: number;
  columns: number;
  spacingMm: number | null;
  isUniform: boolean;
  samplesPerPixel: number | null;
  photometricInterpretation: string | null;
  bitsStored: number | null;
  highBit: number | null;
  pixelRepresentation: number | null;
  planes: StackPlane[];
}

/** A series: its stacks, and what of it has no place. */
export interface SeriesStacks {
  seriesInstanceUid: string;
  studyInstanceUid: string;
  orthancSeriesId: string;
  patientId: string;
  modality: string;
  seriesNumber: number | null;
  seriesDescription: string;
  stacks: SeriesStack[];
  notIndexed: InstanceWithoutPlace[];
}

/** How many instances have no place in the patient, by reason code; `explanation` is one sentence for people. `details` name the attribute and value at fault, the most frequent first, 20 different ones at most. */
export interface SkippedInstances {
  reason: string;
  count: number;
  explanation: string;
  details: string[];
}

/** One plane: `slice_index` is 0-based, as resolve has it, `frame_number` 1-based, positions LPS mm. Values are ``rescaleSlope * stored + rescaleIntercept``, frame by frame; `rescale_reason` says why both are null. Window and unit are those of rescaled values, the padding that of stored ones. `reach_mm` is how far below and above the plane answers, along the stack's normal. */
export interface StackPlane {
  sliceIndex: number;
  sopInstanceUid: string;
  orthancInstanceId: string;
  frameNumber: number;
  imagePositionPatient: [number, number, number];
  ownGeometry: OwnGeometry | null;
  reachMm: [number, number];
  rescaleSlope: number | null;
  rescaleIntercept: number | null;
  rescaleReason: string | null;
  unit: string | null;
  realWorldValueMapping: RealWorldValueMapping | null;
  pixelPaddingValue: number | null;
  pixelPaddingRangeLimit: number | null;
  windowCenter: number | null;
  windowWidth: number | null;
  voiLutFunction: string | null;
  hasVoiLut: boolean;
  links: FrameLinks;
}

/** Why a mapped report does not hold any more, and the transform at fault where it is one. */
export interface Stale {
  reason: StaleReport;
  detail: string;
  transform?: string | null;
}

/** Why a mapped report of a place does not hold any more: renew it or remove it. */
export type StaleReport = "errorChanged" | "placeMoved" | "transformDeleted" | "transformRejected" | "transformReplaced";

/** Why nothing, or only a distance, is said of a region at a point. */
export type StructureReason = "ambiguousContours" | "damagedContours" | "mixedPlanes" | "needsAlignment" | "noContours" | "noFrame" | "noGeometry" | "notClosed" | "notPlanar" | "otherPatient" | "outsideTransform" | "singlePlane" | "unreadable" | "unreadablePixels";

/** `volumes` computes them, which reads the contours of every structure set. */
export interface StructuresQuery {
  volumes?: boolean;
}

/** The structures and doses of one study; `reason` says why it has none. */
export interface StudyAtPoint {
  studyInstanceUid: string;
  studyDate: string;
  structures: RoiAtPoint[];
  doses: DoseAtPoint[];
  reason?: ("noObjects" | "notIndexed") | null;
}

/** A study as the index has it, and how it is joined with the patient's others (`alignment`). reference: it has the patient's first images, or shares their frame; aligned: transforms join it with others; queued, running: that is being worked on; failed: it was tried and refused, `failedAlignments` says why, the newest first; needsAlignment: none of these; null: the study has no images with a place. `alignmentQuality` says how well an aligned study is joined; it is null for all others. */
export interface StudyDetail {
  studyInstanceUid: string;
  orthancStudyId: string;
  patientId: string;
  studyDate: string;
  acquisitionDateTime: string | null;
  studyDescription: string;
  modalities: string[];
  indexed: boolean;
  alignment: ("aligned" | "failed" | "needsAlignment" | "queued" | "reference" | "running") | null;
  alignmentQuality: AlignmentQuality | null;
  failedAlignments: Attempt[];
  frameOfReferenceUids: string[];
  series: SeriesDetail[];
  links: StudyLinks;
}

/** A study in a list; `instances` counts what is indexed or has a reason not to be, 0 while it waits. */
export interface StudyLine {
  studyInstanceUid: string;
  orthancStudyId: string;
  patientId: string;
  studyDate: string;
  studyDescription: string;
  modalities: string[];
  series: number;
  instances: number;
}

/** Where to look at it, as absolute paths on this server; `ohif` is null where OHIF is not served. */
export interface StudyLinks {
  ohif: string | null;
}

/** One page of studies, newest first; `total` counts all that pass the filter. */
export interface StudyPage {
  total: number;
  limit: number;
  offset: number;
  studies: StudyLine[];
}

/** Which studies to list: of a patient, with a series of a modality, between two dates (both inclusive). */
export interface StudyQuery {
  patientId?: string | null;
  modality?: string | null;
  from?: string | null;
  to?: string | null;
  limit?: number;
  offset?: number;
}

/** Why a PET image has no SUV by body weight. */
export type SuvReason = "countsWithoutFactor" | "implausibleDose" | "implausibleTimes" | "implausibleWeight" | "injectedAfterScan" | "injectionDayUnknown" | "noDose" | "noHalfLife" | "noInjectionTime" | "noScanTime" | "noWeight" | "notAttenuationCorrected" | "notBodyWeight" | "notDecayCorrected" | "twoRadiopharmaceuticals" | "unitsNotSupported";

/** Values over time: every study of the patient that passes the filters, in exactly one of the lists, in time order. `job` is the job that still measures where the answer could not wait for it; null when everything was measured. */
export interface TimelineAnswer {
  point: Point;
  radiusMm: number;
  matches: MatchValues[];
  unresolved: Unresolved[];
  flags?: string[];
  job?: string | null;
}

/** As for resolve, one point; and how large the sphere is. */
export interface TimelineRequest {
  /** The clicked image. */
  sopInstanceUid?: string | null;
  /** 1-based; 1 where it is not stated. */
  frameNumber?: number | null;
  /** 0-based, may be fractional: the centre of the first pixel is (0, 0). */
  row?: number | null;
  /** As row. */
  column?: number | null;
  /** Whose point this is, where no image is clicked. */
  patientId?: string | null;
  /** In which x, y and z are. */
  frameOfReferenceUid?: string | null;
  /** LPS mm: to the left of the patient. */
  x?: number | null;
  /** LPS mm: to the back of the patient. */
  y?: number | null;
  /** LPS mm: to the head of the patient. */
  z?: number | null;
  /** Only in these studies. */
  studyInstanceUids?: string[] | null;
  /** Only in studies with images of these exams. */
  exams?: string[] | null;
  /** Only in series of these, as CT. */
  modalities?: string[] | null;
  /** Only in series of these roles; images where none is named. */
  roles?: DicomRole[] | null;
  /** Only in studies from this day on. */
  from?: string | null;
  /** Only in studies up to this day, which counts. */
  to?: string | null;
  /** One match for each study, of the series that shows the place best, or one for each series. */
  per?: "series" | "study";
  /** Only images whose plane is so near to the place. */
  maxDistanceMm?: number | null;
  /** Of the sphere, 5 where it is not stated: voxels whose centres are so near, whole ones. */
  radiusMm?: number;
  /** Of the answer; where it is not stated, as the Accept header prefers. */
  format?: ("csv" | "json") | null;
}

/** One transform, as the archive has it. `matrix` (4 rows of 4) maps source points to target points, null where it is deformable or could not be read. `state`: `usable` in paths; `rejected`, by a person or by newer checks; `refused`, with `refusal` as the reason and `detail`. `expectedErrorMm` is null where it was not measured; of landmarks it is the value at their centroid. `quality` is what an automatic registration measured of itself. `unsigned`: what is said about it in the archive and does not count, as no node of it has signed it: who gave it and how good it is, a review; it waits for a review. `flags`: `notChecked`, an older version of the plugin aligned it, and it waits for the checks of this one; `needsReview`, a person accepted it before these checks found fault with it (`quality` says what). */
export interface TransformAnswer {
  id: string;
  sopInstanceUid: string;
  orthancInstanceId: string;
  sourceFrameOfReferenceUid: string | null;
  targetFrameOfReferenceUid: string | null;
  method: string | null;
  matrix: number[][] | null;
  state: "refused" | "rejected" | "usable";
  refusal: string | null;
  detail: string;
  origin: "automatic" | "person" | "vendor";
  isOwn: boolean;
  label: string;
  created: string | null;
  createdBy: string;
  expectedErrorMm: number | null;
  uncertaintySource: "declared" | "forwardBackward" | "landmarks" | "local" | "unknown";
  quality: ({ [name: string]: number | string | boolean | null }) | null;
  review: Review | null;
  unsigned?: ("given" | "review")[];
  flags?: ("needsReview" | "notChecked")[];
}

/** Transforms that lead from a frame back to itself, and how far points then are from themselves. The first transform is the one that is judged: the others join the frames without it. A loop that does not close holds a wrong transform; one that closes proves nothing. Null where no point comes back. */
export interface TransformLoop {
  transforms: string[];
  frameOfReferenceUid: string;
  meanMm: number | null;
  maxMm: number | null;
}

/** A matrix (4 rows of 4, maps source points to target points) or pairs of landmarks. `method` is how landmarks are fitted, rigid by default. `expectedErrorMm` is what the giver of a matrix says of it. `patientId` is needed where more than one patient has both frames. */
export interface TransformRequest {
  sourceFrameOfReferenceUid: string;
  targetFrameOfReferenceUid: string;
  patientId?: string | null;
  matrix?: number[][] | null;
  landmarks?: Landmark[] | null;
  method?: ("affine" | "rigid") | null;
  expectedErrorMm?: number | null;
}

/** Transforms of a patient, one page; `total` counts all. An object of which nothing could be read is one entry. */
export interface TransformsAnswer {
  total: number;
  limit: number;
  offset: number;
  transforms: TransformAnswer[];
}

/** Whose transforms: PatientID or Orthanc id; and which page of them, all where there are no more than 1,000. */
export interface TransformsQuery {
  patientId: string;
  limit?: number;
  offset?: number;
}

/** One of the two series, and when something was last stored in it (Orthanc's LastUpdate), before it was read. Empty if the failure does not depend on what is stored, or if that is unknown. */
export interface TriedSeries {
  seriesInstanceUid: string;
  lastUpdate: string;
}

/** A report, or a group of one, that is not offered as a place, and why. */
export interface UnreadReport {
  sopInstanceUid: string;
  orthancInstanceId: string;
  studyInstanceUid: string;
  group: number;
  name: string;
  createdBy: string;
  reason: PlaceFault;
  detail: string;
}

/** A study (with `per: series`, a series) without a match, and why. */
export interface Unresolved {
  studyInstanceUid: string;
  reason: UnresolvedReason;
  detail: string;
  studyDate?: string;
  seriesInstanceUid?: string | null;
}

/** Why a study has no match. */
export type UnresolvedReason = "alignmentFailed" | "needsAlignment" | "notIndexable" | "notIndexed" | "outsideCoverage" | "outsideTransform";

/** A place in both frames, LPS mm, and what 95 % of errors at places like it stay below. */
export interface UnsurePlaceAnswer {
  source: [number, number, number];
  target: [number, number, number];
  expectedErrorMm: number;
}

/** Up to three places at least 40 mm apart; none where the error was not measured place by place. */
export interface UnsurePlacesAnswer {
  places: UnsurePlaceAnswer[];
}

/** Every file that was sent, in the order it was sent, how many had which outcome, and how many have warnings. */
export interface UploadAnswer {
  stored: number;
  alreadyStored: number;
  refused: number;
  withWarnings: number;
  sizeBytes: number;
  files: UploadedFile[];
}

/** Why a file of an upload was not stored. */
export type UploadRefusal = "archiveFailed" | "damagedZip" | "dicomdir" | "emptyFile" | "encryptedZip" | "explodes" | "nestedZip" | "notAllowed" | "notDicom" | "otherPatient" | "refusedByArchive" | "tooDeep" | "tooLarge" | "tooManyFiles" | "unsafePath" | "unsupportedCompression";

/** What became of one file; `name` is as it was sent, in a zip with the path in it, "" where it had none. `stored`, `alreadyStored`: the ids and what the object says of itself, `frameCount` 0 where it has no pixels. `duplicateOf` names the file of the same upload that has the same SOP Instance UID, if there is one. `refused`: `reason` is a code, `detail` says more. */
export interface UploadedFile {
  name: string;
  status: "alreadyStored" | "refused" | "stored";
  orthancInstanceId?: string;
  orthancSeriesId?: string;
  orthancStudyId?: string;
  orthancPatientId?: string;
  patientId?: string;
  studyInstanceUid?: string;
  seriesInstanceUid?: string;
  sopInstanceUid?: string;
  modality?: string;
  frameCount?: number | null;
  acquisitionDateTime?: string | null;
  studyDate?: string;
  rows?: number | null;
  columns?: number | null;
  sizeBytes?: number;
  duplicateOf?: string | null;
  warnings?: HeaderWarning[];
  reason?: UploadRefusal | null;
  detail?: string;
}

/** Why there are no values at a place, or not those of the sphere moved by the uncertainty. */
export type ValueReason = "differentUnits" | "imageGone" | "missingSlices" | "noNumbers" | "notMeasured" | "padding" | "partlyOutside" | "stillMeasuring" | "tooFew" | "tooUncertain" | "unreadable" | "workerFailed";

/** A transform that waits, and for whom: its patient, and the first studies with images in its frames. `waitsBecause`: `notReviewed`, an automatic alignment on which nobody has decided; `unsigned`, its review has no valid signature; `contradicted`, newer checks reject what a person accepted. */
export interface WaitingAnswer {
  id: string;
  sopInstanceUid: string;
  orthancInstanceId: string;
  sourceFrameOfReferenceUid: string | null;
  targetFrameOfReferenceUid: string | null;
  method: string | null;
  matrix: number[][] | null;
  state: "refused" | "rejected" | "usable";
  refusal: string | null;
  detail: string;
  origin: "automatic" | "person" | "vendor";
  isOwn: boolean;
  label: string;
  created: string | null;
  createdBy: string;
  expectedErrorMm: number | null;
  uncertaintySource: "declared" | "forwardBackward" | "landmarks" | "local" | "unknown";
  quality: ({ [name: string]: number | string | boolean | null }) | null;
  review: Review | null;
  unsigned?: ("given" | "review")[];
  flags?: ("needsReview" | "notChecked")[];
  waitsBecause: "contradicted" | "notReviewed" | "unsigned";
  patientId: string;
  orthancPatientId: string;
  sourceStudyInstanceUid: string | null;
  targetStudyInstanceUid: string | null;
  sourceStudyDate: string;
  targetStudyDate: string;
}

/** A role; a reviewer may do what a viewer may, an administrator everything. */
export type AccessRole = "admin" | "auditor" | "reviewer" | "uploader" | "viewer";

/** Resolve returns images; the others only on request. */
export type DicomRole = "derived" | "dose" | "image" | "localizer" | "segmentation";

/** Every operation, by method and path. */
export interface Operations {
  "GET /": {
    query: undefined;
    body: undefined;
    answer: About;
  };
  "POST /alignments": {
    query: undefined;
    body: AlignmentRequest;
    answer: QueuedAnswer;
  };
  "POST /diameters": {
    query: undefined;
    body: DiametersRequest;
    answer: PlaceAnswer;
  };
  "GET /dicom-web/instances": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/series": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies/{study}/instances": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies/{study}/series": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies/{study}/series/{series}/instances": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frame}/rendered": {
    query: { viewport?: string; window?: string; quality?: number };
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies/{study}/series/{series}/instances/{instance}/rendered": {
    query: { viewport?: string; window?: string; quality?: number };
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies/{study}/series/{series}/instances/{instance}/thumbnail": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /dicom-web/studies/{study}/thumbnail": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /docs": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /docs/redoc.standalone.js": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "GET /exams": {
    query: { patientId?: string; limit?: number; offset?: number };
    body: undefined;
    answer: ExamPage;
  };
  "GET /exams/{exam}": {
    query: undefined;
    body: undefined;
    answer: Exam;
  };
  "PUT /exams/{exam}": {
    query: undefined;
    body: DeclareRequest;
    answer: Exam;
  };
  "GET /exams/{exam}/images": {
    query: { limit?: number; offset?: number };
    body: undefined;
    answer: ExamImagePage;
  };
  "POST /exams/{exam}/images": {
    query: undefined;
    body: LinkRequest;
    answer: LinkAnswer;
  };
  "DELETE /exams/{exam}/images/{image}": {
    query: undefined;
    body: undefined;
    answer: RemovedImage;
  };
  "GET /exams/{exam}/images/{image}": {
    query: undefined;
    body: undefined;
    answer: ExamImage;
  };
  "PUT /exams/{exam}/images/{image}": {
    query: undefined;
    body: DetailsRequest;
    answer: ExamImage;
  };
  "GET /grants": {
    query: undefined;
    body: undefined;
    answer: GrantsAnswer;
  };
  "POST /grants": {
    query: undefined;
    body: GrantRequest;
    answer: GrantAnswer;
  };
  "DELETE /grants/{grant}": {
    query: undefined;
    body: undefined;
    answer: GrantAnswer;
  };
  "GET /health": {
    query: undefined;
    body: undefined;
    answer: Health;
  };
  "GET /health/live": {
    query: undefined;
    body: undefined;
    answer: Probe;
  };
  "GET /health/ready": {
    query: undefined;
    body: undefined;
    answer: Probe;
  };
  "GET /imaging/app": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "POST /index": {
    query: undefined;
    body: IndexRequest;
    answer: QueuedAnswer;
  };
  "POST /index/pause": {
    query: undefined;
    body: undefined;
    answer: Backfill;
  };
  "POST /index/resume": {
    query: undefined;
    body: undefined;
    answer: Backfill;
  };
  "GET /instances/{instance}/header": {
    query: { frame?: number };
    body: undefined;
    answer: HeaderAnswer;
  };
  "GET /instances/{instance}/preview": {
    query: { quality?: number; width?: number; window?: string };
    body: undefined;
    answer: Blob;
  };
  "GET /instances/{instance}/version": {
    query: undefined;
    body: undefined;
    answer: ImageVersion;
  };
  "GET /jobs": {
    query: { state?: "cancelled" | "done" | "failed" | "queued" | "running"; limit?: number; offset?: number };
    body: undefined;
    answer: JobsAnswer;
  };
  "DELETE /jobs/{job}": {
    query: undefined;
    body: undefined;
    answer: JobAnswer;
  };
  "GET /jobs/{job}": {
    query: undefined;
    body: undefined;
    answer: JobAnswer;
  };
  "POST /jobs/{job}/retry": {
    query: undefined;
    body: undefined;
    answer: JobAnswer;
  };
  "GET /me": {
    query: undefined;
    body: undefined;
    answer: Me;
  };
  "GET /openapi.json": {
    query: undefined;
    body: undefined;
    answer: unknown;
  };
  "POST /overlays": {
    query: undefined;
    body: OverlaysRequest;
    answer: Overlays;
  };
  "GET /patients": {
    query: { query?: string; from?: string; to?: string; limit?: number; offset?: number };
    body: undefined;
    answer: PatientPage;
  };
  "GET /patients/{patient}": {
    query: { limit?: number; offset?: number };
    body: undefined;
    answer: PatientDetail;
  };
  "GET /patients/{patient}/fiducials": {
    query: { limit?: number; offset?: number };
    body: undefined;
    answer: PatientFiducials;
  };
  "GET /patients/{patient}/relations": {
    query: { limit?: number; offset?: number };
    body: undefined;
    answer: Relations;
  };
  "GET /patients/{patient}/structures": {
    query: { volumes?: boolean };
    body: undefined;
    answer: PatientStructures;
  };
  "GET /places": {
    query: { patientId: string; limit?: number; offset?: number };
    body: undefined;
    answer: PlacesAnswer;
  };
  "POST /places": {
    query: undefined;
    body: KeepRequest;
    answer: PlaceAnswer;
  };
  "DELETE /places/{place}": {
    query: undefined;
    body: undefined;
    answer: RemovedPlace;
  };
  "GET /places/{place}": {
    query: undefined;
    body: undefined;
    answer: PlaceDetail;
  };
  "PUT /places/{place}": {
    query: undefined;
    body: RenameRequest;
    answer: PlaceAnswer;
  };
  "DELETE /places/{place}/diameters/{study}": {
    query: undefined;
    body: undefined;
    answer: RemovedPlace;
  };
  "POST /places/{place}/studies": {
    query: undefined;
    body: KeepInRequest;
    answer: KeptAnswer;
  };
  "DELETE /places/{place}/studies/{study}": {
    query: undefined;
    body: undefined;
    answer: PlaceAnswer;
  };
  "POST /points/map": {
    query: undefined;
    body: MapRequest;
    answer: MappedPoints;
  };
  "POST /points/radiotherapy": {
    query: undefined;
    body: RadiotherapyRequest;
    answer: RadiotherapyAtPoint | RadiotherapyBatch;
  };
  "GET /points/reslice": {
    query: { sopInstanceUid: string; seriesInstanceUid: string; frameNumber?: number; stack?: number; wait?: number };
    body: undefined;
    answer: Blob;
  };
  "POST /points/resolve": {
    query: undefined;
    body: ResolveRequest;
    answer: Answer | BatchAnswer;
  };
  "POST /points/timeline": {
    query: undefined;
    body: TimelineRequest;
    answer: TimelineAnswer;
  };
  "GET /reviews": {
    query: { patientId?: string; limit?: number; offset?: number };
    body: undefined;
    answer: ReviewsAnswer;
  };
  "GET /series/{series}/stacks": {
    query: undefined;
    body: undefined;
    answer: SeriesStacks;
  };
  "GET /studies": {
    query: { patientId?: string; modality?: string; from?: string; to?: string; limit?: number; offset?: number };
    body: undefined;
    answer: StudyPage;
  };
  "GET /studies/{study}": {
    query: undefined;
    body: undefined;
    answer: StudyDetail;
  };
  "GET /studies/{study}/frames/{index}": {
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  "POST /studies/{study}/index": {
    query: undefined;
    body: undefined;
    answer: QueuedAnswer;
  };
  "GET /studies/{study}/index-status": {
    query: undefined;
    body: undefined;
    answer: IndexStatus;
  };
  "GET /studies/{study}/relations": {
    query: { limit?: number; offset?: number };
    body: undefined;
    answer: Relations;
  };
  "GET /transforms": {
    query: { patientId: string; limit?: number; offset?: number };
    body: undefined;
    answer: TransformsAnswer;
  };
  "POST /transforms": {
    query: undefined;
    body: TransformRequest;
    answer: TransformAnswer;
  };
  "POST /transforms/fit": {
    query: undefined;
    body: FitRequest;
    answer: FitAnswer;
  };
  "DELETE /transforms/{transform}": {
    query: undefined;
    body: undefined;
    answer: RemovedAnswer;
  };
  "GET /transforms/{transform}": {
    query: undefined;
    body: undefined;
    answer: TransformAnswer;
  };
  "GET /transforms/{transform}/least-sure": {
    query: undefined;
    body: undefined;
    answer: UnsurePlacesAnswer;
  };
  "POST /transforms/{transform}/review": {
    query: undefined;
    body: ReviewRequest;
    answer: TransformAnswer;
  };
  "POST /uploads": {
    query: undefined;
    body: BodyInit;
    answer: UploadAnswer;
  };
  "PUT /uploads": {
    query: undefined;
    body: BodyInit;
    answer: UploadAnswer;
  };
}
