using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Shared;

/// <summary>
/// The containers of each sandbox, as files <c>sandbox-id/container-id</c> with the same state that the gateway keeps: a
/// sandbox is destroyed with all of its containers, though only its own state comes with the request.
/// </summary>
internal sealed class SandboxIndex<TState>(string folder, JsonSerializerOptions json)
    where TState : class
{
    public void Put(string sandboxId, string containerId, TState state)
    {
        var path = PathOf(sandboxId, containerId);
        var temporary = path + ".new";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(state, json));
            File.Move(temporary, path, overwrite: true);
        }
        catch (IOException e)
        {
            throw RuntimeException.Unavailable($"container {containerId}: its state cannot be kept in {path}: {e.Message}", e);
        }
    }

    public TState? Find(string sandboxId, string containerId)
    {
        try
        {
            return JsonSerializer.Deserialize<TState>(File.ReadAllBytes(PathOf(sandboxId, containerId)), json);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public IReadOnlyList<string> Containers(string sandboxId)
    {
        var path = Path.Combine(folder, sandboxId);
        return Directory.Exists(path)
            ? [.. Directory.EnumerateFiles(path).Select(static f => Path.GetFileName(f)).Where(static name => !name.EndsWith(".new", StringComparison.Ordinal))]
            : [];
    }

    /// <summary>All, as pairs of sandbox and container.</summary>
    public IReadOnlyList<(string Sandbox, string Container)> All() => Directory.Exists(folder)
        ? [.. Directory.EnumerateDirectories(folder).Select(static d => Path.GetFileName(d)).SelectMany(s => Containers(s).Select(c => (s, c)))]
        : [];

    public void Remove(string sandboxId, string containerId)
    {
        var path = PathOf(sandboxId, containerId);
        if (File.Exists(path))
        {
            File.Delete(path);
        }
    }

    public void Remove(string sandboxId)
    {
        var path = Path.Combine(folder, sandboxId);
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }

    private string PathOf(string sandboxId, string containerId) => Path.Combine(folder, sandboxId, containerId);
}
