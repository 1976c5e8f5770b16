using Berth.Abstractions;
using Berth.Containers;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Streaming;

/// <summary>Exec, Attach and PortForward: looks whether it can work, and gives the URL where it will.</summary>
public sealed class StreamingUrls(
    ContainerRegistry containers, SandboxRegistry sandboxes, HandlerTable handlers, StreamTickets tickets, StreamingServer server)
{
    /// <summary>The URL of a command in a container that runs.</summary>
    public Uri Exec(string containerId, IReadOnlyList<string> command, ConsoleIo io)
    {
        var container = RequireRunning("exec", containerId);
        Demand(io.Terminal && !FeaturesOf(container).ExecTerminal, container, "exec with a terminal");
        return Issue("exec", new ExecTicket(container.Id, io, command));
    }

    /// <summary>The URL of the streams of a container that runs.</summary>
    public Uri Attach(string containerId, ConsoleIo io)
    {
        var container = RequireRunning("attach", containerId);
        Demand(!FeaturesOf(container).Attach, container, "attach");
        if (io.Terminal != container.Spec.Terminal)
        {
            throw RuntimeException.InvalidArgument(
                $"attach: container {container.Id} was created {(container.Spec.Terminal ? "with" : "without")} a terminal, so tty must be {(container.Spec.Terminal ? "true" : "false")}");
        }

        if (io.Stdin && !container.Spec.Stdin)
        {
            throw RuntimeException.InvalidArgument($"attach: container {container.Id} was created without standard input, so stdin must be false");
        }

        return Issue("attach", new AttachTicket(container.Id, io));
    }

    /// <summary>The URL of a pod's ports.</summary>
    public Uri PortForward(string sandboxId, IReadOnlyList<int> ports)
    {
        var sandbox = sandboxes.Find(sandboxId) ?? throw RuntimeException.NotFound($"pod sandbox {sandboxId} does not exist");
        return sandbox.Phase == SandboxPhase.Ready
            ? Issue("portforward", new PortForwardTicket(sandbox.Id, ports))
            : throw RuntimeException.FailedPrecondition($"port-forward: pod sandbox {sandbox.Id} is {sandbox.Phase}, not ready");
    }

    private Uri Issue(string kind, StreamTicket ticket)
    {
        var address = server.RequireAddress();
        return new(address, $"{kind}/{tickets.Issue(ticket)}");
    }

    private Container RequireRunning(string verb, string id)
    {
        var container = containers.Find(id) ?? throw RuntimeException.NotFound($"container {id} does not exist");
        return container.Phase == ContainerPhase.Running
            ? container
            : throw RuntimeException.FailedPrecondition($"{verb} in container {container.Id}: it is {container.Phase}, not running");
    }

    private HandlerFeatures FeaturesOf(Container container) =>
        handlers.Current.Get(sandboxes.Find(container.SandboxId)?.HandlerKey ?? new("", "")).Health.Check.Features;

    private static void Demand(bool lacks, Container container, string ability)
    {
        if (lacks)
        {
            throw RuntimeException.NotSupported($"{ability} in container {container.Id}");
        }
    }
}
