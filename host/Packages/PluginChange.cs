using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;
using Berth.Plugins;
using Berth.Plugins.Remote;
using Berth.Plugins.Signatures;

namespace Berth.Packages;

/// <summary>What a change has put in place.</summary>
/// <param name="Id">The plugin.</param>
/// <param name="Version">What the gateway sees now.</param>
/// <param name="Before">What it saw before; null for nothing.</param>
/// <param name="Origin">Who has signed it, or that nobody has.</param>
internal sealed record PluginChanged(string Id, InstalledVersion Version, InstalledVersion? Before, string Origin)
{
    public bool IsNew => Version != Before;
}

/// <summary>
/// One change of a plugins folder, under its lock: put in place, then either finished, or undone if the gateway refuses it. Whoever is
/// killed between the two has installed it; the gateway then keeps what it has in force.
/// </summary>
internal sealed class PluginChange : IDisposable
{
    private readonly PluginsOptions _options;
    private readonly string _folder;
    private readonly VersionFolder _versions;
    private readonly SafeFd _lock;
    private readonly SignaturePolicy _policy;

    /// <param name="options">The folders and the keys that are trusted.</param>
    /// <param name="folder">Where plugins are installed.</param>
    /// <param name="time">Tells whether a key is still good.</param>
    public PluginChange(PluginsOptions options, string folder, TimeProvider time)
    {
        (_options, _folder, _versions, _policy) = (options, folder, new(folder), new(time));
        _lock = _versions.Lock();
    }

    /// <summary>Where the gateway finds a plugin.</summary>
    public string LinkOf(string id) => _versions.LinkOf(id);

    /// <summary>Takes a plugin from an archive or a folder, which may be anybody's, and puts it in place.</summary>
    /// <exception cref="RuntimeException">It is refused; nothing has changed.</exception>
    public async Task<PluginChanged> InstallAsync(string source, CancellationToken cancellationToken)
    {
        var fresh = _versions.NewFolder();
        try
        {
            await PackageReader.ReadAsync(source, fresh, cancellationToken);
            var manifest = PackageCheck.Manifest(fresh, source);
            var origin = Trust(fresh, manifest.Id, source);
            DemandPlace(manifest.Id);
            var (digest, before) = (FolderDigest.Of(fresh), _versions.Current(manifest.Id));
            var version = _versions.Add(manifest.Id, manifest.Version, digest);
            Put(manifest.Id, version);
            return new(manifest.Id, version, before ?? Adopted(manifest.Id, version), origin);
        }
        finally
        {
            FileTree.Delete(fresh);
        }
    }

    /// <summary>Puts an earlier version back.</summary>
    /// <param name="id">The plugin.</param>
    /// <param name="version">Which; null for the one before the newest, and nothing if it is there already.</param>
    /// <exception cref="RuntimeException">There is none.</exception>
    public PluginChanged Rollback(string id, string? version)
    {
        var (all, current) = (_versions.All(id), _versions.Current(id));
        var target = (version, all) switch
        {
            ({ } wanted, _) => all.LastOrDefault(v => v.Version == wanted) ?? throw RuntimeException.NotFound(
                $"version {wanted} of plugin {id} is not kept in {_folder}; kept: {(all.Count > 0 ? string.Join(", ", all.Select(static v => v.Version)) : "none")}"),
            (null, [.., var newest]) when current is not null && current != newest => current,
            (null, [.., var earlier, _]) => earlier,
            _ => throw RuntimeException.NotFound($"no earlier version of plugin {id} is kept in {_folder}"),
        };
        var origin = Trust(target.Path, id, $"version {target.Version} of plugin {id}");
        Put(id, target);
        return new(id, target, current, origin);
    }

    /// <summary>Keeps it; what is too old goes.</summary>
    public void Finish(PluginChanged change, bool isInstall)
    {
        if (isInstall && change.Before is { } before)
        {
            // Those that were rolled back from are no versions to go back to.
            foreach (var left in _versions.All(change.Id).Where(v => v.Number > before.Number && v.Number < change.Version.Number))
            {
                _versions.Drop(change.Id, left);
            }
        }

        _versions.Prune(change.Id);
    }

    /// <summary>Puts back what was there before.</summary>
    /// <param name="change">What the gateway has refused.</param>
    /// <param name="isInstall">Whether the version is of no use to anybody.</param>
    public void Undo(PluginChanged change, bool isInstall)
    {
        if (!change.IsNew)
        {
            return;
        }

        if (change.Before is { } before)
        {
            _versions.Switch(change.Id, before);
        }
        else
        {
            _versions.Unlink(change.Id);
        }

        if (isInstall)
        {
            _versions.Drop(change.Id, change.Version);
        }
    }

    /// <summary>Removes a plugin and all versions of it; absent is success.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool Remove(string id)
    {
        if (_options.Folders.Concat([_folder]).Select(f => Path.Combine(f, id)).FirstOrDefault(f => f != LinkOf(id) && Directory.Exists(f)) is { } elsewhere && !Exists(id))
        {
            throw RuntimeException.FailedPrecondition(
                $"plugin {id} lies in {elsewhere}: {(IsolationChoice.IsShipped(elsewhere) ? "it came with Berth; `berth plugin disable` switches it off" : "name that folder with --folder")}");
        }

        var existed = Exists(id);
        _versions.Remove(id);
        DisabledPlugins.Remove([_folder], id);
        return existed;
    }

    public void Dispose() => _lock.Dispose();

    private bool Exists(string id) => FileStatus.Find(LinkOf(id), followLink: false) is not null || _versions.All(id).Count > 0;

    private void Put(string id, InstalledVersion version)
    {
        if (_versions.Current(id) != version)
        {
            _versions.Switch(id, version);
        }
    }

    // A plain folder that the link has taken the place of.
    private InstalledVersion? Adopted(string id, InstalledVersion version) => _versions.All(id).LastOrDefault(v => v.Number < version.Number);

    private string Trust(string folder, string id, string name)
    {
        try
        {
            return _policy.CheckOnce(folder, id, _options.Signatures);
        }
        catch (PluginRejectedException e)
        {
            throw new RuntimeException(RuntimeErrorCode.PermissionDenied, $"{name} is not taken: {e.Message}", e);
        }
    }

    // Where another plugin of that id counts more, or something else is in the way, the gateway would never see it.
    private void DemandPlace(string id)
    {
        foreach (var other in PluginScan.Find([.. _options.Folders.TakeWhile(f => f != _folder), _folder]).Where(c => c.Manifest?.Id == id && c.Folder != LinkOf(id)))
        {
            throw RuntimeException.FailedPrecondition($"plugin {id} lies in {other.Folder}, which counts more than {LinkOf(id)}; remove it there, or install it there");
        }

        if (FileStatus.Find(LinkOf(id), followLink: false) is { Kind: not FileKind.Symlink } && PluginScan.Look(LinkOf(id))?.Manifest?.Id != id)
        {
            throw RuntimeException.FailedPrecondition($"{LinkOf(id)} is there and is not plugin {id}; move it away");
        }
    }
}
