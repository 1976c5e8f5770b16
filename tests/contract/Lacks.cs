using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>What a test needs of a handler, by the feature that declares it; the answer is the reason to skip the test.</summary>
internal static class Lacks
{
    public static string? SharedPidNamespace(HandlerFeatures features) => Unless(features.SharedPidNamespace, "shared PID namespace");

    public static string? HostProcesses(HandlerFeatures features) => Unless(features.HostProcesses, "processes on the host");

    public static string? LimitUpdates(HandlerFeatures features) => Unless(features.LimitUpdates, "updates of limits");

    public static string? ExecSignals(HandlerFeatures features) => Unless(features.ExecSignals, "signals to an exec");

    public static string? ExecTerminal(HandlerFeatures features) => Unless(features.ExecTerminal, "terminals of execs");

    public static string? Attach(HandlerFeatures features) => Unless(features.Attach, "attaching to a container");

    public static string? SharedFolders(HandlerFeatures features) => Unless(features.SharedFolders, "shared folders");

    public static string? MountOptions(HandlerFeatures features) => Unless(features.MountOptions, "options of mounts");

    public static string? Stdin(HandlerFeatures features) => Unless(features.Stdin, "standard input of a container");

    public static string? OpensPorts(HandlerFeatures features) => Unless(features.OpensPorts, "ports that it opens itself");

    public static string? OwnsImageStore(HandlerFeatures features) => Unless(features.OwnsImageStore, "image store of its own");

    private static string? Unless(bool has, string ability) => has ? null : $"declares no {ability}";
}
