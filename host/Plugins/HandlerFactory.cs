using System.Security.Cryptography;
using System.Text;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;
using Berth.Plugins.Health;

namespace Berth.Plugins;

/// <summary>Creates one handler: its folders, its context, the plugin's object, the guard around it.</summary>
/// <param name="store">Where handlers keep their records.</param>
/// <param name="quarantine">Which of them are not to be made now.</param>
/// <param name="watch">Where calls into code of this process are marked; null marks none.</param>
/// <param name="observe">Gets every call into a plugin.</param>
/// <param name="time">The clock.</param>
/// <param name="loggers">For the handlers' own lines.</param>
public sealed class HandlerFactory(HandlerStateStore store, Quarantine quarantine, DeathWatch? watch, Action<PluginCall> observe, TimeProvider time, ILoggerFactory loggers)
{
    // Promised by HandlerConfig.StateDirectory.
    private const int LongestStateDirectory = 60;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly ILogger _logger = loggers.CreateLogger<HandlerFactory>();

    internal async Task<HandlerEntry> CreateAsync(
        HandlerPlan plan, LoadedPlugin? plugin, GatewayOptions gateway, CgroupDriver cgroupDriver, CancellationToken cancellationToken)
    {
        var entry = new HandlerEntry
        {
            Name = plan.Name,
            Plugin = plan.Plugin,
            PluginVersion = plugin?.Entry.Version ?? "",
            PluginDigest = plugin?.Entry.Digest ?? "",
            Instance = plugin is null ? "" : InstanceOf(plan, plugin),
            Source = plugin,
            StateVersions = plugin?.Manifest?.StateVersions ?? [],
            Overhead = plan.Overhead,
            Disabled = plan.Disabled,
            Annotations = plan.Annotations,
            Scheduling = plan.Scheduling,
        };
        if (plan.Disabled)
        {
            return entry with { Failure = "it is disabled in the configuration" };
        }

        if (plan.PluginOff is { } reason)
        {
            return entry with { Failure = reason, PluginOff = true };
        }

        if (plugin?.Instance is null)
        {
            return entry with { Failure = Missing(plan, plugin), Standing = plugin is null ? null : quarantine.StandingOf(entry.PluginDigest, plan.Plugin, entry.PluginVersion) };
        }

        var standing = quarantine.StandingOf(entry.Key, plan.Plugin, entry.PluginVersion);
        entry = entry with { Standing = standing };
        if (standing.Quarantined is { IsHeld: true } held)
        {
            return entry with { Failure = held.Text };
        }

        try
        {
            var state = PrivateFolder(gateway.State, "h", plan.Name, LongestStateDirectory);
            var data = PrivateFolder(gateway.Root, "h", plan.Name, int.MaxValue);
            var handler = await CreateAsync(plan, plugin, standing, state, data, cgroupDriver, cancellationToken);
            plugin.Code!.EndedIdle += reason => standing.Charge(null, $"its process ended, with no call in it: {reason}");
            return entry with { Handler = handler };
        }
        catch (Exception e) when (e is RuntimeException or IOException or UnauthorizedAccessException)
        {
            return entry with { Failure = e.Message };
        }
    }

    /// <summary>
    /// Makes a handler of it in folders of its own, asks for its check, and lets go of it: why it would not do, or nothing. The handler
    /// in force, which has its own folders, notices nothing of this.
    /// </summary>
    internal async Task<string> TryAsync(
        HandlerPlan plan, LoadedPlugin plugin, GatewayOptions gateway, CgroupDriver cgroupDriver, CancellationToken cancellationToken)
    {
        var name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3));
        GuardedHandler? handler = null;
        try
        {
            var state = PrivateFolder(gateway.State, "t", name, LongestStateDirectory);
            var data = PrivateFolder(gateway.Root, "t", name, int.MaxValue);
            handler = await CreateAsync(plan, plugin, null, state, data, cgroupDriver, cancellationToken);
            await handler.Health.RefreshAsync(cancellationToken);
            return handler.Health.Reason;
        }
        catch (Exception e) when (e is RuntimeException or IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
        finally
        {
            // The result is known: how long it takes to let go is nobody's wait.
            _ = EndTrialAsync(handler, plan, [Path.Combine(gateway.State, "t", name), Path.Combine(gateway.Root, "t", name)]);
        }
    }

    private async Task EndTrialAsync(GuardedHandler? handler, HandlerPlan plan, IReadOnlyList<string> folders)
    {
        try
        {
            await (handler?.DisposeAsync() ?? ValueTask.CompletedTask);
            foreach (var folder in folders)
            {
                FileTree.Delete(folder);
            }
        }
        catch (Exception e)
        {
            // A start removes the folders.
            PluginsLog.HandlerNotDisposed(_logger, plan.Name, plan.Plugin, "on trial", e.Message);
        }
    }

    /// <summary>Differs where another object is needed: for other code, for other options, and where the code runs elsewhere.</summary>
    internal static string InstanceOf(HandlerPlan plan, LoadedPlugin plugin)
    {
        var options = SHA256.HashData(Encoding.UTF8.GetBytes(plan.Options.GetRawText()));
        var where = plugin.Isolation == PluginIsolation.Process ? "-process" : "";
        return $"{plugin.Entry.Digest[..Math.Min(12, plugin.Entry.Digest.Length)]}-{Convert.ToHexStringLower(options)[..8]}{where}";
    }

    private async Task<GuardedHandler> CreateAsync(
        HandlerPlan plan, LoadedPlugin plugin, HandlerStanding? standing, string state, string data, CgroupDriver cgroupDriver, CancellationToken cancellationToken)
    {
        var guard = new PluginGuard(plan.Plugin, plan.Name, observe, time, _logger, standing, Mark(plan, plugin), plugin.Code!.EndStuckCalls);
        var config = new HandlerConfig
        {
            Name = plan.Name,
            Options = plan.Options,
            StateDirectory = state,
            DataDirectory = data,
            CgroupDriver = cgroupDriver,
        };
        var context = new HandlerContext(plan.Name, guard.Given, store, loggers);
        try
        {
            var inner = await guard.RunAsync("CreateHandler", PluginDeadlines.Create, token => plugin.Instance!.CreateHandlerAsync(config, context, token), cancellationToken);
            return new(inner, guard, time, _logger);
        }
        catch
        {
            guard.Dispose();
            throw;
        }
    }

    // A process of its own takes nobody with it.
    private CallMark? Mark(HandlerPlan plan, LoadedPlugin plugin) => plugin.Code is { Isolation: PluginIsolation.InProcess }
        ? watch?.Marks.Take(new(plan.Plugin, plugin.Entry.Version, plugin.Entry.Digest, plan.Name, InstanceOf(plan, plugin)))
        : null;

    private static string PrivateFolder(string parent, string kind, string name, int longest)
    {
        var path = Path.Combine(parent, kind, name);
        if (Encoding.UTF8.GetByteCount(path) > longest)
        {
            throw RuntimeException.InvalidArgument($"its state folder {path} is longer than {longest} bytes: shorten gateway.state or the handler's name");
        }

        Directory.CreateDirectory(path, OwnerOnly);
        File.SetUnixFileMode(path, OwnerOnly);
        return path;
    }

    private static string Missing(HandlerPlan plan, LoadedPlugin? plugin) => plugin switch
    {
        { } => $"plugin '{plan.Plugin}' is {plugin.Entry.State}: {plugin.Entry.Reason}",
        _ when plan.Plugin.Length == 0 => "plugins.json names no plugin for it, and no plugin offers a handler of this name",
        _ => $"there is no plugin '{plan.Plugin}' in the plugin folders",
    };
}
