"""The macro's main job, the usual way."""


def bind(fragment, boundary):
    for resource in fragment["Resources"].values():
        if resource.get("Type") == "AWS::IAM::Role":
            resource.setdefault("Properties", {})["PermissionsBoundary"] = boundary
    return fragment
