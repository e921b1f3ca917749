"""AWS's own transforms, for the driver that stands in for CloudFormation.

A request is a line of JSON on standard input, its answer a line on standard
output, {"template": ...} or {"error": ...}:

    {"do": "load", "text": a template in YAML or JSON}
    {"do": "AWS::Serverless-2016-10-31", "template": ..., "parameters": {...}}
    {"do": "AWS::LanguageExtensions", "template": ..., "parameters": {...}}

Templates are loaded as SAM CLI loads them, serverless ones are translated by
the code that AWS runs, and language extensions expanded by that of SAM CLI.
"""

import json
import logging
import sys

from samcli.lib.cfn_language_extensions.models import PseudoParameterValues
from samcli.lib.cfn_language_extensions.sam_integration import process_template_for_sam_cli
from samcli.yamlhelper import yaml_parse
from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

# Properties that `aws cloudformation package` replaces by addresses in S3, and
# of which types.
PACKAGED = {
    "AWS::Serverless::Api": ["DefinitionUri"],
    "AWS::Serverless::Application": ["Location"],
    "AWS::Serverless::Function": ["CodeUri"],
    "AWS::Serverless::GraphQLApi": ["SchemaUri", "CodeUri"],
    "AWS::Serverless::HttpApi": ["DefinitionUri"],
    "AWS::Serverless::LayerVersion": ["ContentUri"],
    "AWS::Serverless::MicrovmImage": ["CodeUri"],
    "AWS::Serverless::StateMachine": ["DefinitionUri"],
    "AWS::Serverless::WebFunction": ["CodeUri"],
}


class BundledPolicies:
    """Managed policies by name, as the translator brings them along."""

    def load(self):
        return get_bundled_managed_policy_map("aws")


def package(template):
    for resource in template.get("Resources", {}).values():
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        for name in PACKAGED.get(resource.get("Type"), []) if isinstance(properties, dict) else []:
            value = properties.get(name)
            if isinstance(value, str) and "://" not in value:
                properties[name] = "s3://artifacts/" + value.strip("./")
    return template


def serverless(request):
    return transform(package(request["template"]), dict(request["parameters"]), BundledPolicies())


def language_extensions(request):
    template = dict(request["template"], Transform="AWS::LanguageExtensions")
    pseudo = {name: value for name, value in request["parameters"].items() if name.startswith("AWS::")}
    expanded = process_template_for_sam_cli(
        template,
        parameter_values=request["parameters"],
        pseudo_parameters=PseudoParameterValues(
            region=pseudo["AWS::Region"], account_id=pseudo["AWS::AccountId"], partition=pseudo["AWS::Partition"]
        ),
    )
    expanded.pop("Transform", None)
    return expanded


TRANSFORMS = {
    "load": lambda request: yaml_parse(request["text"]),
    "AWS::Serverless-2016-10-31": serverless,
    "AWS::LanguageExtensions": language_extensions,
}


def main():
    logging.disable(logging.CRITICAL)
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"template": TRANSFORMS[request["do"]](request)}
        except InvalidDocumentException as e:
            answer = {"error": e.message + " " + " ".join(sorted(c.message for c in e.causes))}
        except Exception as e:  # the transform's own mistakes refuse a template, too
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
