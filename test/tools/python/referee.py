# Judges answers of AWS's Auto Scaling API by the service model that AWS publishes with botocore. Reads one answer a line
# from standard input (JSON: action, status, body) and writes one verdict a line (JSON: line, action, faults). It judges
# the shape of an answer; whether it is the right answer is no question that a model can settle.

import json
import re
import sys
from xml.etree import ElementTree

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

MODEL = ServiceModel(Loader().load_service_model("autoscaling", "service-2"))
PARSER = create_parser(MODEL.metadata["protocol"])
NAMESPACE = "{%s}" % MODEL.metadata["xmlNamespace"]

# Errors that every operation may give; the model names only those of one operation.
COMMON_ERRORS = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "ExpiredToken": 403,
    "IncompleteSignature": 400,
    "InternalFailure": 500,
    "InvalidAction": 400,
    "InvalidClientTokenId": 403,
    "InvalidParameterCombination": 400,
    "InvalidParameterValue": 400,
    "LimitExceeded": 400,
    "MissingAuthenticationToken": 403,
    "OptInRequired": 403,
    "RequestExpired": 400,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "Throttling": 400,
    "ThrottlingException": 400,
    "UnauthorizedOperation": 403,
    "ValidationError": 400,
    # Said by EC2, and passed on.
    "InsufficientInstanceCapacity": 500,
    "VcpuLimitExceeded": 400,
}
# What the service says of a failed launch is longer than its own model allows.
LONGER_THAN_SAID = {"StatusMessage", "Description"}
TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")


def judge(answer):
    action, status, body = answer["action"], answer["status"], answer["body"]
    if action not in MODEL.operation_names:
        return ["the service has no operation " + action]
    operation = MODEL.operation_model(action)
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        return ["no XML: %s" % error]
    response = {"status_code": status, "headers": {}, "body": body.encode()}
    faults = []
    try:
        parsed = PARSER.parse(response, operation.output_shape)
    except Exception as error:
        faults.append("botocore cannot read it: %s" % error)
        parsed = None
    if status >= 300:
        return faults + ([] if parsed is None else judge_error(operation, status, root, parsed))
    return faults + judge_result(operation, root)


def judge_error(operation, status, root, parsed):
    if local(root) != "ErrorResponse":
        return ["the root is %s, not ErrorResponse" % local(root)]
    faults = []
    code = parsed.get("Error", {}).get("Code")
    own = {shape.error_code: shape.metadata["error"]["httpStatusCode"] for shape in operation.error_shapes}
    known = {**COMMON_ERRORS, **own}
    if code not in known:
        faults.append("%s has no error %s" % (operation.name, code))
    elif known[code] != status:
        faults.append("%s comes with status %d, not %d" % (code, known[code], status))
    if not parsed.get("Error", {}).get("Message"):
        faults.append("the error has no message")
    sender = parsed.get("Error", {}).get("Type")
    if sender != ("Sender" if status < 500 else "Receiver"):
        faults.append("the error's type is %s" % sender)
    if not parsed.get("ResponseMetadata", {}).get("RequestId"):
        faults.append("there is no request id")
    return faults


def judge_result(operation, root):
    faults = []
    if root.tag != NAMESPACE + operation.name + "Response":
        faults.append("the root is %s" % root.tag)
    if not root.findtext(NAMESPACE + "ResponseMetadata/" + NAMESPACE + "RequestId"):
        faults.append("there is no request id")
    shape = operation.output_shape
    wrapper = None if shape is None else shape.serialization.get("resultWrapper")
    expected = {"ResponseMetadata"} | ({wrapper} if wrapper else set())
    faults += ["there is an element %s" % local(child) for child in root if local(child) not in expected]
    if wrapper is None:
        return faults
    result = root.find(NAMESPACE + wrapper)
    if result is None:
        return faults + ["there is no %s" % wrapper]
    return faults + walk(result, shape, wrapper)


def walk(element, shape, path):
    if shape.type_name == "structure":
        return walk_structure(element, shape, path)
    if shape.type_name == "list":
        faults = ["%s has a %s among its members" % (path, local(child)) for child in element if local(child) != "member"]
        for at, child in enumerate(element.findall(NAMESPACE + "member")):
            faults += walk(child, shape.member, "%s[%d]" % (path, at))
        return faults
    return walk_scalar(element.text or "", shape, path)


def walk_structure(element, shape, path):
    faults = []
    seen = [local(child) for child in element]
    faults += ["%s lacks %s" % (path, name) for name in shape.required_members if name not in seen]
    faults += ["%s has %s twice" % (path, name) for name in sorted(set(seen)) if seen.count(name) > 1]
    for child in element:
        name = local(child)
        if name in shape.members:
            faults += walk(child, shape.members[name], "%s.%s" % (path, name))
        else:
            faults.append("%s has an unknown %s" % (path, name))
    return faults


def walk_scalar(text, shape, path):
    kind = shape.type_name
    if kind == "integer" and not re.fullmatch(r"-?\d+", text):
        return ["%s is no integer: %r" % (path, text)]
    if kind == "boolean" and text not in ("true", "false"):
        return ["%s is no boolean: %r" % (path, text)]
    if kind == "timestamp" and not TIMESTAMP.fullmatch(text):
        return ["%s is no instant: %r" % (path, text)]
    if kind == "string":
        allowed = shape.metadata.get("enum")
        if allowed and text not in allowed:
            return ["%s may not be %r" % (path, text)]
        longest = shape.metadata.get("max")
        if longest and len(text) > longest and path.rsplit(".", 1)[-1] not in LONGER_THAN_SAID:
            return ["%s is longer than %d" % (path, longest)]
    return []


def local(element):
    return element.tag.rsplit("}", 1)[-1]


for number, line in enumerate(sys.stdin, 1):
    answer = json.loads(line)
    print(json.dumps({"line": number, "action": answer["action"], "faults": judge(answer)}))
