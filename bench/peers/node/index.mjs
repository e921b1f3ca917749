import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { bind } from "./bind.mjs";

const ssm = new SSMClient({});

export async function handler(event) {
  const { Parameter } = await ssm.send(
    new GetParameterCommand({
      Name: `/permissions-boundary/${event.params.Environment}`,
      WithDecryption: true,
    }),
  );
  return {
    requestId: event.requestId,
    status: "success",
    fragment: bind(event.fragment, Parameter.Value),
  };
}
