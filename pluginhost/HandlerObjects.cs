using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Wire;

namespace Berth.PluginHost;

/// <summary>A handler of the plugin and the objects that the gateway may name: sandboxes, containers, execs, attachments.</summary>
internal sealed class HandlerObjects(IRuntimeHandler handler)
{
    private readonly ConcurrentDictionary<string, ISandbox> _sandboxes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (string Sandbox, IContainer Container)> _containers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Container, string Exec), HeldExec> _execs = new();
    private readonly ConcurrentDictionary<long, IAttachment> _attachments = new();

    public IRuntimeHandler Handler => handler;

    public void Add(string id, ISandbox sandbox) => _sandboxes[id] = sandbox;

    public void Add(string sandbox, string id, IContainer container) => _containers[id] = (sandbox, container);

    public void Add(string container, string exec, HeldExec held) => _execs[(container, exec)] = held;

    public void Add(long number, IAttachment attachment) => _attachments[number] = attachment;

    public ISandbox Sandbox(WireRequest request) =>
        _sandboxes.GetValueOrDefault(request.Sandbox ?? "") ?? throw RuntimeException.NotFound($"the plugin's process has no sandbox {request.Sandbox}");

    public IContainer Container(WireRequest request) => _containers.TryGetValue(request.Container ?? "", out var found)
        ? found.Container
        : throw RuntimeException.NotFound($"the plugin's process has no container {request.Container}");

    public IProcess Process(WireRequest request) => FindProcess(request)
        ?? throw RuntimeException.NotFound($"the plugin's process has no container {request.Container}, or no exec {request.Exec} in it");

    public IProcess? FindProcess(WireRequest request) => request.Exec is { } exec
        ? Exec(request.Container ?? "", exec)?.Process
        : _containers.TryGetValue(request.Container ?? "", out var found) ? found.Container.Init : null;

    public HeldExec? Exec(string container, string exec) => _execs.GetValueOrDefault((container, exec));

    public IAttachment? Attachment(long number) => _attachments.GetValueOrDefault(number);

    public void Forget(long attachment) => _attachments.TryRemove(attachment, out _);

    public void ForgetExec(string container, string exec)
    {
        if (_execs.TryRemove((container, exec), out var held))
        {
            held.Release();
        }
    }

    public void ForgetContainer(string id)
    {
        _containers.TryRemove(id, out _);
        foreach (var (container, exec) in _execs.Keys.Where(k => k.Container == id).ToList())
        {
            ForgetExec(container, exec);
        }
    }

    public void ForgetSandbox(string id)
    {
        _sandboxes.TryRemove(id, out _);
        foreach (var container in _containers.Where(c => c.Value.Sandbox == id).Select(static c => c.Key).ToList())
        {
            ForgetContainer(container);
        }
    }
}

/// <summary>An exec, with the descriptors that stay open until it has started.</summary>
internal sealed class HeldExec(IProcess process, IReadOnlyList<SafeFd> descriptors)
{
    public IProcess Process => process;

    public void Release()
    {
        foreach (var descriptor in descriptors)
        {
            descriptor.Dispose();
        }
    }
}
