"""Surveys CloudFormation's resource types for those that may create roles.

    python types/survey.py docs/evidence/types.md

reads every resource schema of every Region that cfn-lint ships, and the source
of the SAM translator, both as installed beside this Python. It looks for clues
that a type creates a role or deploys a template, and holds what it finds
against the decisions of people:

    decisions.tsv   resource type, what the rules do with it, and why
    sam-roles.tsv   place in the SAM translator that creates a role, and for
                    which resource types

It fails when a type with a clue has no decision or a decision has no type, and
the same for the places. That the rules do what is decided is tested in
transform/types_test.go.
"""

import ast
import fnmatch
import importlib.metadata
import importlib.util
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent

# What rules do with a type, in the order of docs/evidence/types.md.
VERDICTS = {
    "bound": "The boundary is set on the resource.",
    "refused": "The role takes no boundary. The template is refused, unless the resource is given a role.",
    "reported": "A blind spot: reported, and refused with `BlindSpots=reject`.",
    "skipped": "Nothing is done, for the reason given.",
}

# API calls that create roles or users, or deploy templates. A handler that may
# make one of them is a clue.
CALLS = """
    cloud9:CreateEnvironmentEC2
    cloudformation:ActivateType cloudformation:CreateChangeSet cloudformation:CreateStack cloudformation:CreateStackInstances
    cloudformation:CreateStackSet cloudformation:ExecuteChangeSet cloudformation:RegisterType cloudformation:UpdateStack
    cloudformation:UpdateStackInstances cloudformation:UpdateStackSet
    codebuild:StartBuild codepipeline:CreatePipeline codepipeline:StartPipelineExecution codestar-connections:CreateSyncConfiguration
    controltower:CreateLandingZone controltower:EnableBaseline controltower:EnableControl
    datazone:CreateEnvironment datazone:CreateProject elasticbeanstalk:CreateEnvironment
    iam:CreateRole iam:CreateUser iam:PutRolePermissionsBoundary iam:PutUserPermissionsBoundary
    lambda:InvokeFunction launchwizard:CreateDeployment organizations:CreateAccount organizations:CreateGovCloudAccount
    serverlessrepo:CreateApplication serverlessrepo:CreateCloudFormationChangeSet serverlessrepo:CreateCloudFormationTemplate
    servicecatalog:ProvisionProduct servicecatalog:UpdateProvisionedProduct
    ssm:CreateDocument ssm:StartAutomationExecution sso:CreateAccountAssignment sso:CreatePermissionSet sso:ProvisionPermissionSet
    states:StartExecution stepfunctions:StartExecution
""".split()

# A service-linked role takes no boundary, so this call alone is no clue.
# Source: IAM's user guide, permissions boundaries.
SERVICE_LINKED = "iam:CreateServiceLinkedRole"

TYPE_NAME = re.compile(r"(Stack|StackSet|Template)$")
WRITABLE = re.compile(r"Template|Permissions?Boundary|StackSetName")
READ_ONLY = re.compile(r"Role(Arn|ARN|Id|Name)?$|IamRoles$")
SENTENCES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(creat|generat|provision|set(s|ting)? up)\w*\b[^.]{0,60}\broles?\b",
        r"\broles?\b[^.]{0,40}\b(is|are|be|was|were|been|gets?)\b[^.]{0,25}\b(created|generated|provisioned)\b",
        r"\b(creat|deploy|generat|launch|provision)\w*\b[^.]{0,60}\b(stack ?sets?|(nested|CloudFormation) stacks?|CloudFormation templates?)\b",
        r"\bpermissions? boundar",
    )
]
NOT_SENTENCES = re.compile(r"service[- ]linked", re.IGNORECASE)


def package(name):
    return pathlib.Path(importlib.util.find_spec(name).origin).parent


def schemas():
    """The schemas of each type, of all Regions and of SAM."""
    root = package("cfnlint") / "data" / "schemas"
    files = {}
    for provider in sorted((root / "providers").glob("*.json")):
        for name, file in json.loads(provider.read_text()).items():
            files.setdefault(name, set()).add(file)
    return {
        name: [json.loads((root / "resources" / f"{file}.json").read_text()) for file in sorted(files[name])]
        for name in sorted(files)
    }


def permissions(schema):
    return {p for handler in schema.get("handlers", {}).values() for p in handler.get("permissions", [])}


def calls(schema):
    """The calls of CALLS that the handlers may make."""
    granted = [p.lower() for p in permissions(schema)]
    return [c for c in CALLS if any(fnmatch.fnmatchcase(c.lower(), p) for p in granted)]


def properties(schema):
    """The names of all properties, nested ones included, that can be set."""
    read_only = set(schema.get("readOnlyProperties", []))
    for name, part in schema.get("properties", {}).items():
        if f"/properties/{name}" not in read_only:
            yield name
            yield from nested(part)
    for part in schema.get("definitions", {}).values():
        yield from nested(part)


def nested(part):
    if isinstance(part, dict):
        yield from part.get("properties", {})
        for value in part.values():
            yield from nested(value)
    elif isinstance(part, list):
        for value in part:
            yield from nested(value)


def descriptions(part, name="the type"):
    """The descriptions in a schema, each with the name of what it is about."""
    if isinstance(part, dict):
        if isinstance(part.get("description"), str):
            yield name, part["description"]
        for key, value in part.items():
            yield from descriptions(value, name if key in ("properties", "definitions", "items") else key)
    elif isinstance(part, list):
        for value in part:
            yield from descriptions(value, name)


def says_so(text):
    sentences = re.split(r"(?<=\.)\s+", text)
    return any(p.search(s) for s in sentences if not NOT_SENTENCES.search(s) for p in SENTENCES)


def clues(name, schema):
    """Why a type may create a role, a stack or a change set."""
    found = []
    if not name.startswith("AWS::"):
        found.append("not a type of AWS")
    if name.startswith("AWS::Serverless::"):
        found.append("SAM")
    if TYPE_NAME.search(name):
        found.append("its name")
    found += [f"handler: `{c}`" for c in calls(schema)]
    found += [f"property: `{p}`" for p in sorted(set(properties(schema))) if WRITABLE.search(p)]
    read_only = {p.split("/")[-1] for p in schema.get("readOnlyProperties", [])}
    found += [f"attribute: `{p}`" for p in sorted(read_only) if READ_ONLY.search(p)]
    found += [f"description: `{about}`" for about in sorted({n for n, text in descriptions(schema) if says_so(text)})]
    return found


# What the SAM translator creates roles and nested stacks with.
CREATORS = {"IAMRole", "NestedStack", "construct_role_for_resource"}
CREATED = {"AWS::IAM::Role", "AWS::CloudFormation::Stack"}


def sam_places():
    """The places in the SAM translator that create a role or a nested stack."""
    root = package("samtranslator")
    found = set()
    for file in sorted(root.rglob("*.py")):
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        if not module.startswith(("internal.schema_source", "schema")):
            found |= {f"{module}.{place}" for place in creations(ast.parse(file.read_text()), ())}
    return found


def creations(node, within):
    for child in ast.iter_child_nodes(node):
        inside = within
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
            inside = (*within, child.name)
        if creates(child) and not CREATORS.intersection(inside):
            yield ".".join(inside)
        yield from creations(child, inside)


def creates(node):
    """Whether a node calls a creator, gives it another name, or writes the type."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in CREATORS
        case ast.alias(name=name, asname=renamed):
            return name in CREATORS and renamed is not None
        case ast.Dict(keys=keys, values=values):
            return any(
                isinstance(k, ast.Constant) and k.value == "Type" and isinstance(v, ast.Constant) and v.value in CREATED
                for k, v in zip(keys, values)
            )
    return False


def rows(file, width):
    lines = (HERE / file).read_text().splitlines()
    table = [line.split("\t") for line in lines if line and not line.startswith("#")]
    for row in table:
        if len(row) != width or not all(row):
            sys.exit(f"types/{file}: not {width} columns: {row}")
    names = [row[0] for row in table]
    if names != sorted(set(names)):
        sys.exit(f"types/{file}: not sorted, or a name twice")
    return table


def differ(file, found, decided):
    """What is in only one of two sets, as errors."""
    for name in sorted(found - decided):
        yield f"types/{file}: no decision for {name}"
    for name in sorted(decided - found):
        yield f"types/{file}: a decision for {name}, which is not found any more"


def main():
    all_schemas = schemas()
    found = {}
    for name, some in all_schemas.items():
        if all_clues := list(dict.fromkeys(c for schema in some for c in clues(name, schema))):
            found[name] = all_clues
    decisions = rows("decisions.tsv", 3)
    places = rows("sam-roles.tsv", 3)
    verdicts = {name: verdict for name, verdict, _ in decisions}

    # Patterns stand for types that no schema can tell of.
    errors = list(differ("decisions.tsv", set(found), {name for name in verdicts if "*" not in name}))
    errors += differ("sam-roles.tsv", sam_places(), {place for place, _, _ in places})
    errors += [f"types/decisions.tsv: {v} is none of {', '.join(VERDICTS)}" for v in sorted(set(verdicts.values()) - set(VERDICTS))]
    for place, types, _ in places:
        for name in types.split(", "):
            if verdicts.get(name) not in ("bound", "refused", "reported"):
                errors.append(f"types/sam-roles.tsv: {place} creates a role for {name}, which is {verdicts.get(name)}")
    if errors:
        for error in errors:
            print(error, *found.get(error.split()[-1], []), sep="\n    ", file=sys.stderr)
        sys.exit(1)

    output = pathlib.Path(sys.argv[1])
    output.write_text(document(all_schemas, found, decisions, places))


def document(all_schemas, found, decisions, places):
    lines = [
        "# Resource types that may create roles",
        "",
        "For each resource type that may create a role: what the macro does about it, and why. Written by `make types`. The decisions are made by",
        "people, in `types/decisions.tsv` and `types/sam-roles.tsv`; the clues are from",
        f"the {len(all_schemas):,} resource schemas of all Regions in cfn-lint {version('cfn-lint')}, and the source of the SAM translator"
        f" {version('aws-sam-translator')}. A type is listed here",
        "when its schema has a clue: a handler that may call an API that creates roles or deploys templates, a property or attribute that names a",
        "template, a boundary or a role, or a description that says so. Handlers of "
        f"{sum(linked(s) for s in all_schemas.values())} more types may create service-linked roles only,",
        "which take no boundary.",
    ]
    for verdict, meaning in VERDICTS.items():
        lines += ["", f"## {verdict.capitalize()}", "", meaning, "", "| type | why | clue |", "|---|---|---|"]
        lines += [f"| `{name}` | {reason} | {shown(found.get(name, []))} |" for name, v, reason in decisions if v == verdict]
    lines += [
        "",
        "## The SAM translator",
        "",
        "The places that create a role or a nested stack.",
        "",
        "| place | for | when |",
        "|---|---|---|",
    ]
    lines += [f"| `{place}` | {', '.join(f'`{t}`' for t in types.split(', '))} | {reason} |" for place, types, reason in places]
    silent = [name for name, some in all_schemas.items() if name not in found and not any(permissions(s) for s in some)]
    lines += [
        "",
        "## Schemas without handlers",
        "",
        f"Nothing is known about what the handlers of these {len(silent)} types call. Their names, properties and descriptions have no clue.",
        "",
        ", ".join(f"`{name}`" for name in silent),
    ]
    return "\n".join(lines) + "\n"


def linked(some):
    granted = {p.lower() for schema in some for p in permissions(schema)}
    return SERVICE_LINKED.lower() in granted and not any(calls(schema) for schema in some)


MOST_CLUES = 4


def shown(all_clues):
    more = len(all_clues) - MOST_CLUES
    return "; ".join(all_clues[:MOST_CLUES]) + (f"; {more} more" if more > 0 else "")


def version(distribution):
    return importlib.metadata.version(distribution)


if __name__ == "__main__":
    main()
