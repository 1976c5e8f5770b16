using System.Text.Json;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;
using Berth.Metrics;

namespace Berth.Network;

/// <summary>
/// Runs a configuration list as the CNI specification (section 3, "Execution of Network Configurations") has it: ADD in order,
/// each plugin with the result of the one before; DEL in reverse, each with the cached result.
/// </summary>
public sealed class CniInvoker(NetworkOptions options, TimeProvider timeProvider, ILogger<CniInvoker> log)
{
    /// <summary>The usual <see cref="TimeLimit"/>.</summary>
    public static readonly TimeSpan DefaultTimeLimit = TimeSpan.FromSeconds(60);

    private const int SigKill = 9;

    private static readonly TimeSpan AddEndLimit = TimeSpan.FromSeconds(5), AddEndPause = TimeSpan.FromMilliseconds(10);

    private readonly CniPluginFolders _folders = new(options.BinDirs);

    /// <summary>What the ADD or DEL of a whole list may take.</summary>
    public TimeSpan TimeLimit { get; init; } = DefaultTimeLimit;

    /// <summary>
    /// Attaches the pod. When it fails, at any point, something may have been made: <see cref="DeleteAsync"/> undoes it.
    /// </summary>
    public async Task<CniResult> AddAsync(CniRequest request, CancellationToken cancellationToken)
    {
        CniArguments.Check(request);
        var netns = request.NetnsPath ?? throw RuntimeException.InvalidArgument($"sandbox {request.SandboxId} has no network namespace to attach");
        var network = ParseConfig(request);
        using var deadline = new Deadline(TimeLimit, timeProvider, cancellationToken);
        JsonElement? result = null;
        foreach (var plugin in network.Plugins)
        {
            result = await RunAsync(new CniCall("ADD", network, plugin, request, netns, result), deadline)
                ?? throw new RuntimeException(RuntimeErrorCode.Internal, $"CNI plugin '{plugin.Type}' of network '{network.Name}' answered ADD with nothing; pod {request.PodNamespace}/{request.PodName} has no network");
        }

        return CniResultParser.Parse(result!.Value, network, request);
    }

    /// <summary>
    /// Detaches the pod, also after half an ADD, and again after a half DEL. Every plugin is tried; then the failures are thrown.
    /// </summary>
    /// <param name="request">As for the ADD; its namespace may be gone.</param>
    /// <param name="rawResult">The ADD's <see cref="CniResult.RawResult"/>; null if it never ended well.</param>
    /// <param name="cancellationToken">Kills the plugin that runs.</param>
    public async Task DeleteAsync(CniRequest request, string? rawResult, CancellationToken cancellationToken)
    {
        if (!CniArguments.AreValid(request))
        {
            return; // ADD refused it before any plugin ran
        }

        var network = ParseConfig(request);
        if (rawResult is null)
        {
            await EndAddAsync(request, cancellationToken);
        }

        var previous = network.DeleteTakesResult && rawResult is not null ? ParseCached(rawResult, request) : null;
        // The specification wants an empty CNI_NETNS for a namespace that is gone.
        var netns = request.NetnsPath is { } path && NetworkNamespace.Exists(path) ? path : "";
        List<RuntimeException> failures = [];
        foreach (var plugin in network.Plugins.Reverse())
        {
            // A share for each, so that one that hangs leaves the others theirs.
            using var deadline = new Deadline(TimeLimit / network.Plugins.Count, timeProvider, cancellationToken);
            try
            {
                await RunAsync(new CniCall("DEL", network, plugin, request, netns, previous), deadline);
            }
            catch (RuntimeException e)
            {
                failures.Add(e);
            }
        }

        ThrowIfAny(failures, network, request);
    }

    private async Task<JsonElement?> RunAsync(CniCall call, Deadline deadline)
    {
        var started = timeProvider.GetTimestamp();
        string? fault = "failed";
        try
        {
            var path = _folders.Find(call.Plugin.Type)
                ?? throw RuntimeException.Unavailable($"{call.Description}: the executable is in none of {_folders.SearchPath}; install it, or correct the type in the configuration");
            var answer = await call.RunAsync(path, _folders.SearchPath, deadline.Token);
            fault = null;
            return answer;
        }
        catch (OperationCanceledException e) when (deadline.Passed)
        {
            throw new RuntimeException(
                RuntimeErrorCode.DeadlineExceeded, $"{call.Description}: killed, for its time limit of {deadline.Limit.TotalSeconds:0.#} s is over", e);
        }
        finally
        {
            var duration = timeProvider.GetElapsedTime(started);
            NetworkLog.PluginRan(log, call.Command, call.Plugin.Type, call.Request.SandboxId, duration.TotalMilliseconds);
            BerthTraces.Record($"CNI {call.Command} {call.Plugin.Type}", timeProvider.GetUtcNow(), duration, fault);
        }
    }

    // The ADD of a gateway that was killed goes on without it, and would make again what DEL removes.
    private async Task EndAddAsync(CniRequest request, CancellationToken cancellationToken)
    {
        using var limit = new Deadline(AddEndLimit, timeProvider, cancellationToken);
        while (!limit.Token.IsCancellationRequested && ProcessEnvironment.Find(CniCall.ContainerIdEntry(request.SandboxId)) is { Count: > 0 } left)
        {
            NetworkLog.AddEnded(log, request.SandboxId, left.Count);
            foreach (var pid in left)
            {
                using var process = PidFd.TryOpen(pid);
                process?.Signal(SigKill);
            }

            await Task.Delay(AddEndPause, timeProvider, limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private static CniNetworkList ParseConfig(CniRequest request)
    {
        try
        {
            return CniNetworkList.Parse(request.ConfigJson);
        }
        catch (FormatException e)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"the CNI configuration of sandbox {request.SandboxId} is not valid: {e.Message}", e);
        }
    }

    // Plugins must manage without it too, and a record that went bad must not keep an address for ever.
    private JsonElement? ParseCached(string rawResult, CniRequest request)
    {
        try
        {
            return JsonElement.Parse(rawResult);
        }
        catch (JsonException e)
        {
            NetworkLog.CachedResultUnreadable(log, request.SandboxId, e.Message);
            return null;
        }
    }

    private static void ThrowIfAny(List<RuntimeException> failures, CniNetworkList network, CniRequest request)
    {
        if (failures.Count == 1)
        {
            throw failures[0];
        }

        if (failures.Count > 1)
        {
            throw new RuntimeException(
                failures[0].Code,
                $"pod {request.PodNamespace}/{request.PodName} is not wholly detached from CNI network '{network.Name}': {string.Join("; ", failures.Select(static f => f.Message))}",
                new AggregateException(failures));
        }
    }
}
