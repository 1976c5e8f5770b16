using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override Task<ExecResponse> Exec(ExecRequest request, ServerCallContext context)
    {
        var container = FindContainer(request.ContainerId);
        var io = StreamMapping.ToIo(request.Stdin, request.Stdout, request.Stderr, request.Tty);
        return Task.FromResult(new ExecResponse { Url = streaming.Exec(container.Id, StreamMapping.ToCommand(request.Cmd), io).ToString() });
    }

    public override Task<AttachResponse> Attach(AttachRequest request, ServerCallContext context)
    {
        var container = FindContainer(request.ContainerId);
        var io = StreamMapping.ToIo(request.Stdin, request.Stdout, request.Stderr, request.Tty);
        return Task.FromResult(new AttachResponse { Url = streaming.Attach(container.Id, io).ToString() });
    }

    public override Task<PortForwardResponse> PortForward(PortForwardRequest request, ServerCallContext context)
    {
        var sandbox = FindSandbox(request.PodSandboxId);
        var ports = StreamMapping.ToPorts(request.Port);
        return Task.FromResult(new PortForwardResponse { Url = streaming.PortForward(sandbox.Id, ports).ToString() });
    }
}
