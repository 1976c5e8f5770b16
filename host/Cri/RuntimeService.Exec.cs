using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Google.Protobuf;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override async Task<ExecSyncResponse> ExecSync(ExecSyncRequest request, ServerCallContext context)
    {
        var container = FindContainer(request.ContainerId);
        var timeout = Durations.FromSeconds(request.Timeout, "timeout");
        var result = await containers.Exec.ExecSyncAsync(container.Id, StreamMapping.ToCommand(request.Cmd), timeout, context.CancellationToken);
        return new()
        {
            ExitCode = result.ExitCode,
            // The arrays are this call's own, so they need no copy.
            Stdout = UnsafeByteOperations.UnsafeWrap(result.Stdout),
            Stderr = UnsafeByteOperations.UnsafeWrap(result.Stderr),
        };
    }
}
