import boto3

from bind import bind

ssm = boto3.client("ssm")


def handler(event, context):
    parameter = ssm.get_parameter(
        Name=f"/permissions-boundary/{event['params']['Environment']}",
        WithDecryption=True,
    )
    return {
        "requestId": event["requestId"],
        "status": "success",
        "fragment": bind(event["fragment"], parameter["Parameter"]["Value"]),
    }
