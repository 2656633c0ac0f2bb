"""Other engines on two volumes in a file, each with parameters that do well: runs in any environment, alone.

    python rivals.py ENGINE METHOD SCANS.npz

prints a line of JSON for each of the file's motions of the moving scan's frame: where the points of the fixed scan go,
seconds of registration, peak memory in MiB. It imports nothing of the project, so that engines can live in an
environment of their own.
"""

import json
import os
import resource
import sys
import tempfile
import time

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"

import numpy as np

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def sitk_images(scans):
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    images = []
    for name in ("fixed", "moving"):
        image = sitk.GetImageFromArray(scans[name + "_voxels"])
        image.SetOrigin(scans[name + "_origin"].tolist())
        image.SetSpacing(scans[name + "_spacing"].tolist())
        image.SetDirection(scans[name + "_directions"].ravel().tolist())
        images.append(image)
    return images


def plain_simpleitk(scans, method):
    """The registration of SimpleITK's own examples: centres, mutual information, three levels, 2 mm at the finest."""
    import SimpleITK as sitk

    fixed, moving = sitk_images(scans)
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    run = sitk.ImageRegistrationMethod()
    run.SetMetricAsMattesMutualInformation(32)
    run.SetMetricSamplingStrategy(run.RANDOM)
    run.SetMetricSamplingPercentage(0.05, 1)
    run.SetInterpolator(sitk.sitkLinear)
    run.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, 100, 0.6, 1e-6)
    run.SetOptimizerScalesFromPhysicalShift()
    run.SetShrinkFactorsPerLevel([4, 2, 1])
    run.SetSmoothingSigmasPerLevel([2, 1, 0])
    run.SetInitialTransform(start, True)
    run.Execute(fixed, moving)
    return np.array([start.TransformPoint(point) for point in scans["points"].tolist()])


def greedy(scans, method):
    import SimpleITK as sitk
    from picsl_greedy import Greedy3D

    fixed, moving = sitk_images(scans)
    run = Greedy3D()
    run.execute(
        "-i f m -a -dof 6 -m NMI -n 100x60x30 -ia-image-centers -o r -threads 1 -V 0",
        f=fixed,
        m=moving,
        r=None,
    )
    name = "r"
    if method != "rigid":
        run.execute("-i f m -a -dof 12 -m NMI -n 60x40x20 -ia r -o a -threads 1 -V 0", a=None)
        name = "a"
    points = scans["points"]
    if method == "deformable":
        metric = "WNCC 2x2x2" if scans["alike"] else "NMI"
        run.execute(f"-i f m -m {metric} -n 100x60x20 -s 3vox 1vox -it a -o w -threads 1 -V 0", w=None)
        warp = sitk.DisplacementFieldTransform(sitk.Cast(run["w"], sitk.sitkVectorFloat64))
        points = np.array([warp.TransformPoint(point) for point in points.tolist()])
    matrix = RAS @ np.array(run[name]) @ RAS
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def elastix(scans, method):
    import itk

    images = []
    for name in ("fixed", "moving"):
        image = itk.GetImageFromArray(scans[name + "_voxels"].astype(np.float32))
        image.SetOrigin(scans[name + "_origin"].tolist())
        image.SetSpacing(scans[name + "_spacing"].tolist())
        image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(scans[name + "_directions"])))
        images.append(image)
    parameters = itk.ParameterObject.New()
    for kind in {"rigid": ["rigid"], "affine": ["rigid", "affine"]}.get(
        method, ["rigid", "affine", "bspline"]
    ):
        chosen = parameters.GetDefaultParameterMap(kind)
        chosen["RequiredRatioOfValidSamples"] = ["0.05"]
        chosen["NumberOfSpatialSamples"] = ["8000"]
        if kind == "rigid":
            chosen["AutomaticTransformInitialization"] = ["true"]
            chosen["AutomaticTransformInitializationMethod"] = ["GeometricalCenter"]
        parameters.AddParameterMap(chosen)
    run = itk.ElastixRegistrationMethod.New(*images)
    run.SetParameterObject(parameters)
    run.SetNumberOfThreads(1)
    run.SetLogToConsole(False)
    run.Update()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "points.txt")
        points = scans["points"]
        with open(path, "w") as file:
            file.write(f"point\n{len(points)}\n" + "\n".join(" ".join(map(str, point)) for point in points))
        moved = itk.TransformixFilter.New(images[1])
        moved.SetTransformParameterObject(run.GetTransformParameterObject())
        moved.SetFixedPointSetFileName(path)
        moved.SetOutputDirectory(folder)
        moved.Update()
        with open(os.path.join(folder, "outputpoints.txt")) as file:
            lines = file.read().splitlines()
    return np.array(
        [[float(v) for v in line.split("OutputPoint = [")[1].split("]")[0].split()] for line in lines]
    )


def ants(scans, method):
    import ants as engine
    import pandas

    images = [
        engine.from_numpy(
            np.ascontiguousarray(scans[name + "_voxels"].transpose(2, 1, 0)),
            origin=scans[name + "_origin"].tolist(),
            spacing=scans[name + "_spacing"].tolist(),
            direction=scans[name + "_directions"],
        )
        for name in ("fixed", "moving")
    ]
    kind = {"rigid": "Rigid", "affine": "Affine"}.get(method, "SyN")
    found = engine.registration(*images, type_of_transform=kind, random_seed=1)
    # a point goes from fixed to moving by the forward transforms, as the image comes back by them
    table = pandas.DataFrame(scans["points"], columns=["x", "y", "z"])
    moved = engine.apply_transforms_to_points(3, table, found["fwdtransforms"])
    return moved[["x", "y", "z"]].to_numpy()


ENGINES = {"SimpleITK": plain_simpleitk, "Greedy": greedy, "elastix": elastix, "ANTs": ants}


def main():
    engine, method, path = sys.argv[1:4]
    scans = dict(np.load(path))
    origin, directions = scans["moving_origin"], scans["moving_directions"]
    for motion in scans.pop("motions"):
        scans["moving_origin"] = motion[:3, :3] @ origin + motion[:3, 3]
        scans["moving_directions"] = motion[:3, :3] @ directions
        began = time.process_time()
        try:
            found = {"points": ENGINES[engine](scans, method).tolist()}
        except Exception as error:  # an engine that gives up on one start goes on with the next
            found = {"error": f"failed: {(str(error).strip().splitlines() or [repr(error)])[-1][:100]}"}
        found["seconds"] = time.process_time() - began
        found["peakMib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write("\n" + json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
