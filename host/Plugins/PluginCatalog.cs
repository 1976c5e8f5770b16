using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins.Health;
using Berth.Plugins.Remote;
using Berth.Plugins.Signatures;

namespace Berth.Plugins;

/// <summary>
/// From folders and configuration to the next snapshot of plugins and handlers:
/// <code>
///   choose versions ─► stage, load ─► try what replaces something that works ─► create handlers ─► first check of each ─► snapshot
/// </code>
/// What has not changed is taken over as it is. What fails is in the snapshot with its reason, and leaves in force what it was to
/// replace; nothing here keeps the gateway from starting, and nothing here changes what is in force: the caller swaps.
/// </summary>
public sealed class PluginCatalog(HandlerFactory factory, PluginStore store, RemotePlugins remote, Quarantine quarantine, DeathWatch? watch, TimeProvider time, ILogger<PluginCatalog> logger)
{
    private readonly PluginVersions _versions = new(store, remote, quarantine, watch, time, logger);

    /// <summary>The handlers that the manifests offer, for the configuration's checks; null if that cannot be told.</summary>
    public static IReadOnlySet<string>? OfferedHandlers(PluginsOptions options) => PluginScan.OfferedHandlers(options);

    /// <param name="options">The configuration that shall be in force.</param>
    /// <param name="cgroupDriver">For the handlers.</param>
    /// <param name="previous">What is in force now.</param>
    /// <param name="retry">What failed before is tried again, although nothing of it has changed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The same as <paramref name="previous"/> if nothing differs.</returns>
    /// <exception cref="HandlerOptionsException">Options of a handler that works would break it.</exception>
    public async Task<PluginSnapshot> LoadAsync(
        BerthOptions options, CgroupDriver cgroupDriver, PluginSnapshot previous, bool retry, CancellationToken cancellationToken)
    {
        var choices = await _versions.ChooseAsync(options, previous, retry, cancellationToken);
        choices = await TryAsync(choices, options, cgroupDriver, previous, cancellationToken);
        var versions = choices.Select(static c => c.InForce).OfType<LoadedPlugin>().ToList();
        var unusable = choices.SelectMany(static c => c.Others).ToList();
        var plans = Plans(options, choices);
        var handlers = await Task.WhenAll(plans.Select(p => EntryAsync(p, versions, unusable, options.Gateway, cgroupDriver, previous, cancellationToken)));
        await FirstChecksAsync(handlers, previous, cancellationToken);
        var next = Compose(options, previous, versions, unusable, handlers);
        Tell(next, previous);
        return next;
    }

    /// <summary>
    /// The snapshot with a handler more that only drains: for pods that an earlier process started with a version which is not in
    /// force any more, and whose records the one in force cannot read.
    /// </summary>
    /// <returns>The same snapshot if that version is not there any more, or fails.</returns>
    public async Task<PluginSnapshot> AddDrainingAsync(
        PluginSnapshot snapshot, string handler, string digest, CgroupDriver cgroupDriver, CancellationToken cancellationToken)
    {
        try
        {
            if (!store.Holds(digest) || PluginScan.Look(store.FolderOf(digest)) is not { Manifest: { } manifest } candidate)
            {
                return snapshot;
            }

            // Disabled or not, its pods are there.
            var version = snapshot.Loaded.FirstOrDefault(p => p.Entry.Digest == digest && p.Code is not null)
                ?? Draining(await _versions.LoadAsync(candidate, manifest, digest, snapshot.Options.Plugins, snapshot.Generation, stays: false, cancellationToken));
            if (HandlerPlan.Make(snapshot.Options.Handlers, [manifest]).FirstOrDefault(p => p.Name == handler && p.Plugin == manifest.Id) is not { } plan)
            {
                return snapshot;
            }

            var entry = await factory.CreateAsync(plan with { Disabled = false }, version, snapshot.Options.Gateway, cgroupDriver, cancellationToken);
            var isNew = snapshot.Loaded.All(p => p.Code != version.Code);
            if (entry.Handler is null)
            {
                await (isNew ? version.Code!.DisposeAsync() : ValueTask.CompletedTask);
                return snapshot;
            }

            await entry.Handler.Health.RefreshAsync(cancellationToken);
            entry = entry with { Drain = $"{manifest.Id} {manifest.Version} is not in the plugin folders any more; pods of it run on" };
            return new(
                isNew ? [.. snapshot.Plugins, version.Entry] : snapshot.Plugins,
                snapshot.Handlers.ContainsKey(handler) ? snapshot.Handlers.Values : [.. snapshot.Handlers.Values, entry])
            {
                Generation = snapshot.Generation,
                Options = snapshot.Options,
                Draining = [.. snapshot.Draining, entry],
                Loaded = isNew ? [.. snapshot.Loaded, version] : snapshot.Loaded,
            };
        }
        catch (Exception e) when (e is PluginRejectedException or TimeoutException or IOException)
        {
            PluginsLog.PluginRejected(logger, digest, store.FolderOf(digest), PluginState.Failed, e.Message);
            return snapshot;
        }
    }

    private static IReadOnlyList<HandlerPlan> Plans(BerthOptions options, IReadOnlyList<PluginChoice> choices)
    {
        var disabled = choices.Where(static c => c.Disabled is not null).ToDictionary(static c => c.Id, static c => c.Disabled);
        var plans = HandlerPlan.Make(options.Handlers, [.. choices.Select(static c => c.Manifest).OfType<PluginManifest>()]);
        return [.. plans.Select(p => p with { PluginOff = disabled.GetValueOrDefault(p.Plugin) })];
    }

    // A version or options that would replace a handler which works must work themselves, first.
    private async Task<IReadOnlyList<PluginChoice>> TryAsync(
        IReadOnlyList<PluginChoice> choices, BerthOptions options, CgroupDriver cgroupDriver, PluginSnapshot previous, CancellationToken cancellationToken)
    {
        var versions = choices.Select(static c => c.InForce).OfType<LoadedPlugin>().ToList();
        var plans = Plans(options, choices);
        var trials = from plan in plans
                     where !plan.Disabled && previous.Handlers.GetValueOrDefault(plan.Name) is { Ready: true } before
                         && versions.Find(v => v.Entry.Id == plan.Plugin) is { } version
                         && before.Instance != HandlerFactory.InstanceOf(plan, version) && before.Plugin == plan.Plugin
                     select TrialAsync(plan, versions.Find(v => v.Entry.Id == plan.Plugin)!);
        var failed = (await Task.WhenAll(trials)).Where(static t => t.Reason.Length > 0).ToList();
        var result = new List<PluginChoice>();
        foreach (var choice in choices)
        {
            var reasons = failed.Where(f => f.Plugin == choice.Id).Select(static f => $"handler {f.Handler}: {f.Reason}").ToList();
            if (reasons.Count > 0 && !choice.IsNew)
            {
                // Nothing of this comes into force: what was loaded for it goes.
                await Task.WhenAll(choices.Where(static c => c.IsNew).Select(static c => c.InForce!.Code!.DisposeAsync().AsTask()));
                throw new HandlerOptionsException(string.Join("; ", reasons));
            }

            if (reasons.Count > 0)
            {
                await choice.InForce!.Code!.DisposeAsync();
            }

            result.Add(reasons.Count > 0 ? choice.Back($"its self-test failed: {string.Join("; ", reasons)}") : choice);
        }

        return result;

        async Task<(string Plugin, string Handler, string Reason)> TrialAsync(HandlerPlan plan, LoadedPlugin version) =>
            (plan.Plugin, plan.Name, await factory.TryAsync(plan, version, options.Gateway, cgroupDriver, cancellationToken));
    }

    private async Task<HandlerEntry> EntryAsync(
        HandlerPlan plan,
        List<LoadedPlugin> versions,
        List<LoadedPlugin> unusable,
        GatewayOptions gateway,
        CgroupDriver cgroupDriver,
        PluginSnapshot previous,
        CancellationToken cancellationToken)
    {
        // Where no version of the plugin works, the first of them says why; a folder that cannot be read goes by its own name.
        var version = versions.Find(v => v.Entry.Id == plan.Plugin) ?? unusable.Find(v => v.Entry.Id == plan.Plugin);
        var instance = version is null ? "" : HandlerFactory.InstanceOf(plan, version);
        var same = previous.Handlers.Values.Concat(previous.Draining)
            .FirstOrDefault(h => h.Name == plan.Name && h.Instance == instance && h.Handler is not null && !plan.Disabled);
        if (same is not null)
        {
            return same with { Overhead = plan.Overhead, Annotations = plan.Annotations, Scheduling = plan.Scheduling, Drain = null, Source = version };
        }

        var entry = await factory.CreateAsync(plan, version, gateway, cgroupDriver, cancellationToken);
        if (entry.State == PluginState.Failed && previous.Handlers.GetValueOrDefault(plan.Name)?.Failure != entry.Failure)
        {
            PluginsLog.HandlerFailed(logger, entry.Name, entry.Plugin, entry.Failure);
        }

        return entry;
    }

    private async Task FirstChecksAsync(IEnumerable<HandlerEntry> handlers, PluginSnapshot previous, CancellationToken cancellationToken)
    {
        // They go on after the wait; each has a deadline of its own, and one that hangs holds up no other.
        var known = previous.Handlers.Values.Concat(previous.Draining).Select(static h => h.Handler).ToHashSet();
        var checks = handlers.Where(h => h.Handler is not null && !known.Contains(h.Handler))
            .Select(h => (Serves: previous.Handlers.GetValueOrDefault(h.Name) is { Ready: true }, Check: h.Handler!.Health.RefreshAsync(CancellationToken.None))).ToList();
        await Task.WhenAny(Task.WhenAll(checks.Select(static c => c.Check)), Task.Delay(PluginDeadlines.FirstCheck, time, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        // What it replaces takes pods until then: on a busy node the new one would have none for a moment.
        await Task.WhenAll(checks.Where(static c => c.Serves).Select(static c => c.Check)).WaitAsync(cancellationToken);
    }

    private static PluginSnapshot Compose(
        BerthOptions options, PluginSnapshot previous, List<LoadedPlugin> versions, List<LoadedPlugin> unusable, IReadOnlyList<HandlerEntry> handlers)
    {
        var draining = previous.Draining.Concat(previous.Handlers.Values).DistinctBy(static h => h.Key)
            .Where(h => h.Handler is not null && handlers.All(n => n.Handler != h.Handler))
            .Select(h => h.Drain is not null ? h : h with { Drain = WhyItDrains(h, handlers, versions) })
            .ToList();
        // A name that nobody offers any more stays known while pods of it run, to say why it takes no new ones.
        var orphans = draining.Where(d => handlers.All(h => h.Name != d.Name)).DistinctBy(static d => d.Name);
        var leaving = draining.Select(static d => d.Source!).Where(s => versions.TrueForAll(v => v.Code != s.Code)).DistinctBy(static s => s.Code).Select(Draining);
        List<LoadedPlugin> loaded = [.. versions, .. unusable, .. leaving];
        var next = new PluginSnapshot([.. loaded.Select(static l => l.Entry)], [.. handlers, .. orphans])
        {
            Generation = previous.Generation + 1,
            Options = options,
            Draining = draining,
            Loaded = loaded,
        };
        return IsSame(next, previous) ? previous : next;
    }

    private static bool IsSame(PluginSnapshot next, PluginSnapshot previous) =>
        ReferenceEquals(next.Options, previous.Options) && next.Plugins.SequenceEqual(previous.Plugins)
        && next.Draining.Select(static h => h.Key).SequenceEqual(previous.Draining.Select(static h => h.Key))
        && Shape(next).SequenceEqual(Shape(previous));

    private static IEnumerable<(HandlerKey, string, bool, string?)> Shape(PluginSnapshot snapshot) =>
        snapshot.Handlers.Values.OrderBy(static h => h.Name, StringComparer.Ordinal).Select(static h => (h.Key, h.Failure, h.Disabled, h.Drain));

    private static LoadedPlugin Draining(LoadedPlugin plugin) =>
        plugin with { Entry = plugin.Entry with { State = PluginState.Draining, Reason = "pods of it run; new ones get another version, or none" } };

    private static string WhyItDrains(HandlerEntry handler, IReadOnlyList<HandlerEntry> handlers, List<LoadedPlugin> versions) =>
        handlers.FirstOrDefault(h => h.Name == handler.Name) is { } next
            ? next.State == PluginState.Disabled ? $"{next.Failure}; pods of it run on"
            : handler.PluginDigest == next.PluginDigest ? "its options or its isolation were changed; pods of it run on"
            : $"{handler.Plugin} {handler.PluginVersion} was replaced by {next.Plugin} {next.PluginVersion}; pods of it run on"
            : versions.Exists(v => v.Entry.Id == handler.Plugin) ? $"neither plugins.json nor plugin {handler.Plugin} names this handler any more; pods of it run on"
            : $"plugin {handler.Plugin} {handler.PluginVersion} was removed from the plugin folders; pods of it run on, and new ones are not started";

    private void Tell(PluginSnapshot next, PluginSnapshot previous)
    {
        foreach (var entry in next.Plugins.Except(previous.Plugins))
        {
            if (entry.State is PluginState.Failed or PluginState.Incompatible)
            {
                PluginsLog.PluginRejected(logger, entry.Id, entry.Folder, entry.State, entry.Reason);
            }
            else if (entry is { State: PluginState.Active, Origin: SignaturePolicy.Unsigned })
            {
                PluginsLog.PluginUnsigned(logger, entry.Id, entry.Version, entry.Folder);
            }
            else if (entry is { State: PluginState.Disabled, Version.Length: > 0 })
            {
                PluginsLog.PluginNotUsed(logger, entry.Id, entry.Folder, entry.Reason);
            }
        }

        foreach (var handler in next.Draining.Where(h => previous.Draining.All(p => p.Key != h.Key)))
        {
            PluginsLog.HandlerDrains(logger, handler.Name, handler.Plugin, handler.PluginVersion, handler.Drain!);
        }
    }
}

/// <summary>The configuration would break handlers that work; the message names them.</summary>
public sealed class HandlerOptionsException(string message) : Exception(message);
