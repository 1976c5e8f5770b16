using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins.Health;
using Berth.Plugins.Remote;
using Berth.Plugins.Signatures;

namespace Berth.Plugins;

/// <summary>The version of a plugin that shall be in force, and those that are not, with the reasons.</summary>
/// <param name="Id">The plugin.</param>
/// <param name="InForce">Null if there is none.</param>
/// <param name="Earlier">What was in force before, to go back to; null if nothing was.</param>
/// <param name="Others">Refused or not used.</param>
internal sealed record PluginChoice(string Id, LoadedPlugin? InForce, LoadedPlugin? Earlier, IReadOnlyList<LoadedPlugin> Others)
{
    /// <summary>Why an operator has switched it off; null if nobody has.</summary>
    public string? Disabled { get; init; }

    /// <summary>What says which handlers there are; of a version that does not work too, as its handlers are then named with the reason.</summary>
    public PluginManifest? Manifest => InForce?.Manifest ?? Others.Select(static o => o.Manifest).FirstOrDefault(static m => m is not null);

    public bool IsNew => InForce is { Code: not null } && InForce.Code != Earlier?.Code;

    /// <summary>The new version does not do: it is shown with the reason, and the earlier one stays.</summary>
    public PluginChoice Back(string reason) => this with
    {
        InForce = Earlier,
        Others = [InForce! with { Entry = InForce.Entry with { State = PluginState.Failed, Reason = reason, Refusal = PluginRefusal.SelfTest }, Code = null }, .. Others],
    };
}

/// <summary>
/// Chooses a version for every plugin: of the first configured folder that has it, the highest that loads. One that loads no longer,
/// or was replaced by one that does not, leaves the version in force where it is.
/// </summary>
internal sealed class PluginVersions(PluginStore store, RemotePlugins remote, Quarantine quarantine, DeathWatch? watch, TimeProvider time, ILogger logger)
{
    private readonly SignaturePolicy _policy = new(time);

    /// <param name="options">Which folders, and which handlers are enabled.</param>
    /// <param name="previous">What is in force.</param>
    /// <param name="retry">Versions that failed before are tried again.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<IReadOnlyList<PluginChoice>> ChooseAsync(BerthOptions options, PluginSnapshot previous, bool retry, CancellationToken cancellationToken)
    {
        var candidates = PluginScan.Find(options.Plugins.Folders);
        var used = HandlerPlan.Make(options.Handlers, [.. Preferred(candidates).Select(static c => c.Manifest!).DistinctBy(static m => m.Id)])
            .Where(static p => !p.Disabled).Select(static p => p.Plugin).ToHashSet(StringComparer.Ordinal);
        var inForce = previous.Loaded.Where(static p => p is { Code: not null, Entry.State: not PluginState.Draining }).ToDictionary(static p => p.Entry.Id);

        var disabled = DisabledPlugins.Read(options.Plugins.Folders);
        // Each copies, loads and starts on its own: together they take as long as the slowest.
        List<PluginChoice> choices = [.. await Task.WhenAll(candidates.Where(static c => c.Manifest is not null).GroupBy(static c => c.Manifest!.Id).Select(async group =>
            disabled.TryGetValue(group.Key, out var reason) ? Off(group.Key, group, reason)
            : used.Contains(group.Key)
                ? await ChooseAsync(group.Key, Preferred(group), inForce.GetValueOrDefault(group.Key), options.Plugins, previous, retry, cancellationToken)
                : new(group.Key, null, null, [.. group.Select(static c => LoadedPlugin.Of(c, c.Manifest!, PluginState.Disabled, "no enabled handler uses it"))])))];
        choices.AddRange(candidates.Where(static c => c.Manifest is null).Select(c => Unreadable(c, inForce.Values.Where(p => !disabled.ContainsKey(p.Entry.Id)), choices)));
        return choices;
    }

    private static PluginChoice Off(string id, IEnumerable<PluginCandidate> candidates, string reason)
    {
        reason = $"plugin {id} is disabled: {reason}";
        return new(id, null, null, [.. candidates.Select(c => LoadedPlugin.Of(c, c.Manifest!, PluginState.Disabled, reason))]) { Disabled = reason };
    }

    private static List<PluginCandidate> Preferred(IEnumerable<PluginCandidate> candidates) =>
        [.. candidates.Where(static c => c.Manifest is not null)
            .GroupBy(static c => Path.GetDirectoryName(c.Folder))
            .SelectMany(static g => g.OrderByDescending(static c => c.Manifest!.Version, PluginVersionOrder.Instance))];

    private async Task<PluginChoice> ChooseAsync(
        string id,
        List<PluginCandidate> candidates,
        LoadedPlugin? earlier,
        PluginsOptions options,
        PluginSnapshot previous,
        bool retry,
        CancellationToken cancellationToken)
    {
        LoadedPlugin? chosen = null;
        var others = new List<LoadedPlugin>();
        foreach (var candidate in candidates)
        {
            if (chosen is not null)
            {
                others.Add(LoadedPlugin.Of(candidate, candidate.Manifest!, PluginState.Disabled, $"{chosen.Entry.Folder} has a plugin of the same id"));
                continue;
            }

            var version = await VersionAsync(candidate, candidate.Manifest!, options, previous, retry, cancellationToken);
            if (version.Code is null)
            {
                others.Add(version);
            }
            else
            {
                chosen = version;
            }
        }

        return new(id, chosen ?? earlier, earlier, others);
    }

    // The folder of a plugin in force now holds something that does not even say which plugin it is.
    private static PluginChoice Unreadable(PluginCandidate candidate, IEnumerable<LoadedPlugin> inForce, List<PluginChoice> choices)
    {
        var earlier = inForce.FirstOrDefault(p => p.Entry.Folder == candidate.Folder && choices.TrueForAll(c => c.Id != p.Entry.Id));
        return new(earlier?.Entry.Id ?? Path.GetFileName(candidate.Folder), earlier, earlier, [LoadedPlugin.Unusable(candidate)]);
    }

    private async Task<LoadedPlugin> VersionAsync(
        PluginCandidate candidate, PluginManifest manifest, PluginsOptions options, PluginSnapshot previous, bool retry, CancellationToken cancellationToken)
    {
        var (digest, origin, isolation) = ("", "", manifest.Isolation);
        try
        {
            digest = await Task.Run(() => store.Stage(PluginFolder.Resolve(candidate.Folder)), cancellationToken);
            manifest = StagedManifest(candidate, manifest.Id, digest);
            isolation = IsolationChoice.Of(candidate.Folder, manifest, options);
            origin = _policy.Check(candidate.Folder, store.FolderOf(digest), manifest.Id, options.Signatures);
            // One that was refused for its signature has no origin, and is looked at anew when it gets one.
            if (previous.Loaded.FirstOrDefault(p => p.Entry.Digest == digest && p.Isolation == isolation
                && (p.Code is not null || (!retry && p.Entry.Origin == origin)) && p.Entry.State is not PluginState.Disabled) is { } known)
            {
                return known with { Entry = known.Entry with { Folder = candidate.Folder, Origin = origin, State = known.Code is null ? known.Entry.State : PluginState.Active } };
            }

            return WithOrigin(await LoadAsync(candidate, manifest, digest, options, previous.Generation + 1, stays: previous.Generation == 0, cancellationToken));
        }
        catch (PluginRejectedException e)
        {
            return WithOrigin(Refused(e.State, e.Refusal, e.Message));
        }
        catch (TimeoutException)
        {
            return WithOrigin(Refused(PluginState.Failed, PluginRefusal.Load, $"it was not loaded within {PluginDeadlines.Create.TotalSeconds:0} s"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Linux.LinuxException)
        {
            return Refused(PluginState.Failed, PluginRefusal.Folder, $"{candidate.Folder} cannot be copied: {e.Message}");
        }

        LoadedPlugin Refused(PluginState state, PluginRefusal refusal, string reason) => LoadedPlugin.Of(candidate, manifest, state, reason, digest).RefusedFor(refusal);

        LoadedPlugin WithOrigin(LoadedPlugin version) => version with { Entry = version.Entry with { Origin = origin }, Isolation = isolation };
    }

    // What was staged counts: the folder may have been switched to another version since it was looked at.
    private PluginManifest StagedManifest(PluginCandidate candidate, string id, string digest) =>
        PluginManifestReader.Read(Path.Combine(store.FolderOf(digest), PluginManifestReader.FileName)) is var staged && staged.Id == id
            ? staged
            : throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Folder, $"{candidate.Folder} changes while it is read");

    /// <summary>Loads a version from its staged folder; <see cref="PluginLoader"/> says what staying is.</summary>
    /// <exception cref="PluginRejectedException">With the reason.</exception>
    public async Task<LoadedPlugin> LoadAsync(
        PluginCandidate candidate, PluginManifest manifest, string digest, PluginsOptions options, long generation, bool stays, CancellationToken cancellationToken)
    {
        if (quarantine.StandingOf(digest, manifest.Id, manifest.Version).Quarantined is { IsHeld: true } held)
        {
            throw new PluginRejectedException(PluginState.Quarantined, PluginRefusal.None, held.Text);
        }

        // The constructor is the plugin's code: it may hang.
        var folder = store.FolderOf(digest);
        var isolation = IsolationChoice.Of(candidate.Folder, manifest, options);
        var code = isolation == PluginIsolation.Process
            ? await remote.StartAsync(folder, manifest, options, cancellationToken)
            : await Task.Run(() => LoadHere(folder, manifest, digest, stays), cancellationToken).WaitAsync(PluginDeadlines.Create, time, cancellationToken);
        PluginsLog.PluginLoaded(logger, manifest.Id, manifest.Version, candidate.Folder);
        var version = LoadedPlugin.Of(candidate, manifest, PluginState.Active, "", digest, code);
        return version with { Entry = version.Entry with { Generation = generation }, Isolation = isolation };
    }

    private IPluginCode LoadHere(string folder, PluginManifest manifest, string digest, bool stays)
    {
        using var mark = watch?.Marks.Take(new(manifest.Id, manifest.Version, digest, "", digest));
        return mark is null ? PluginLoader.Load(folder, manifest, stays) : mark.Run("Load", () => PluginLoader.Load(folder, manifest, stays));
    }
}
