using System.Collections.Concurrent;

namespace Berth.Plugins;

/// <summary>The sandboxes and containers that a handler was given: of nothing else may it keep records.</summary>
internal sealed class GivenIds
{
    private readonly ConcurrentDictionary<string, string> _sandboxes = new(StringComparer.Ordinal);

    public bool Contains(string id) => _sandboxes.ContainsKey(id);

    /// <summary>A sandbox's own id, or that of a container in it.</summary>
    public void Add(string sandbox, string id) => _sandboxes[id] = sandbox;

    /// <summary>A container is gone.</summary>
    public void Remove(string id) => _sandboxes.TryRemove(id, out _);

    /// <summary>A sandbox is gone, with its containers.</summary>
    public void RemoveSandbox(string sandbox)
    {
        foreach (var (id, _) in _sandboxes.Where(i => i.Value == sandbox))
        {
            _sandboxes.TryRemove(id, out _);
        }
    }
}
