"""A PythonScript for Orthanc: keeps the short JSON of each stored instance as the callback hands it out.

GET /recorded/{instance} returns it, byte for byte what the plugin would have read.
"""

import orthanc

RECORDED = {}

# without INCLUDE_BINARY, whatever was written with VR UN is left out, such as the whole of a gdcmconv file
FLAGS = (
    orthanc.DicomToJsonFlags.INCLUDE_BINARY
    | orthanc.DicomToJsonFlags.CONVERT_BINARY_TO_NULL
    | orthanc.DicomToJsonFlags.INCLUDE_PIXEL_DATA
    | orthanc.DicomToJsonFlags.INCLUDE_PRIVATE_TAGS
    | orthanc.DicomToJsonFlags.INCLUDE_UNKNOWN_TAGS
)


def _stored(instance, orthanc_id):
    RECORDED[orthanc_id] = instance.GetInstanceAdvancedJson(orthanc.DicomToJsonFormat.SHORT, FLAGS, 0)


def _recorded(output, uri, **request):
    output.AnswerBuffer(RECORDED[request["groups"][0]], "application/json")


orthanc.RegisterOnStoredInstanceCallback(_stored)
orthanc.RegisterRestCallback("/recorded/([0-9a-f-]+)", _recorded)
