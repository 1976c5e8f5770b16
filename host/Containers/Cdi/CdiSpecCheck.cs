using System.Diagnostics.CodeAnalysis;
using Berth.Abstractions;
using Berth.Containers.Spec;

namespace Berth.Containers.Cdi;

/// <summary>Refuses what a file may not say. Whether what it names exists is looked at when a container asks for it.</summary>
internal static class CdiSpecCheck
{
    private const int MaxDevices = 4096;
    private const int MaxEdits = 4096;
    private const string NoAccess = "none";

    private static readonly HashSet<string> HookNames = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    internal static void Check(CdiSpec spec)
    {
        Demand(CdiName.IsKind(spec.Kind), $"its kind \"{spec.Kind}\" is not like vendor.com/class");
        Demand(spec.Devices is { Count: > 0 and <= MaxDevices }, $"it has {spec.Devices?.Count ?? 0} devices; it must have 1 to {MaxDevices}");
        foreach (var device in spec.Devices!)
        {
            Demand(device is not null && CdiName.IsDevice(device.Name), $"\"{device?.Name}\" is not a name for a device");
        }

        Demand(
            spec.Devices.DistinctBy(static d => d.Name).Count() == spec.Devices.Count,
            $"it has the device {spec.Devices.GroupBy(static d => d.Name).FirstOrDefault(static g => g.Count() > 1)?.Key} twice");
        foreach (var edits in spec.AllEdits)
        {
            Check(edits);
        }

        CdiVersions.Check(spec);
    }

    private static void Check(CdiEdits edits)
    {
        Demand(
            edits.Env.Count + edits.DeviceNodes.Count + edits.Mounts.Count + edits.Hooks.Count + edits.AdditionalGids.Count + edits.NetDevices.Count <= MaxEdits,
            $"one of its containerEdits has more than {MaxEdits} entries");
        CheckEnvironment(edits.Env);
        Demand(edits.NetDevices.All(static n => n is { HostInterfaceName.Length: > 0, Name.Length: > 0 }), "a network device in it has no hostInterfaceName or no name");
        foreach (var node in edits.DeviceNodes)
        {
            Demand(node is not null && IsPath(node.Path) && (node.HostPath is null or "" || IsPath(node.HostPath)), $"the device node \"{node?.Path}\" must have absolute paths");
            Demand(node!.Type is null or "" or "b" or "c" or "u" or "p", $"the device node {node.Path} has the type \"{node.Type}\", which there is not");
            Demand(
                node.Permissions is null or NoAccess || node.Permissions.All("rwm".Contains),
                $"the device node {node.Path} has the permissions \"{node.Permissions}\"; they are letters of rwm, or none");
        }

        foreach (var mount in edits.Mounts)
        {
            Demand(
                mount is not null && IsPath(mount.ContainerPath) && mount.HostPath.Length > 0 && !mount.HostPath.Contains('\0') && AreTexts(mount.Options),
                $"the mount at \"{mount?.ContainerPath}\" must have a hostPath and an absolute containerPath");
        }

        foreach (var hook in edits.Hooks)
        {
            Demand(hook is not null && HookNames.Contains(hook.HookName), $"\"{hook?.HookName}\" is not a hook; known are {string.Join(", ", HookNames)}");
            Demand(IsPath(hook!.Path), $"the path \"{hook.Path}\" of a {hook.HookName} hook must be absolute");
            Demand(AreTexts(hook.Args ?? []), $"an argument of a {hook.HookName} hook is null or has a NUL");
            Demand(hook.Timeout is null or > 0, $"the timeout of a {hook.HookName} hook must be above 0");
            CheckEnvironment(hook.Env ?? []);
        }

        Demand(
            edits.IntelRdt?.ClosID is null or "" or "/" || RdtClass.IsName(edits.IntelRdt.ClosID), $"\"{edits.IntelRdt?.ClosID}\" is not a name for a class of RDT");
    }

    private static void CheckEnvironment(IReadOnlyList<string> variables)
    {
        foreach (var variable in variables)
        {
            Demand(variable is not null && variable.IndexOf('=') > 0 && !variable.Contains('\0'), "an environment variable in it is not like NAME=value");
        }
    }

    // The reader lets null through as an element of a list.
    private static bool AreTexts(IReadOnlyList<string> texts) => texts.All(static t => t is not null && !t.Contains('\0'));

    private static bool IsPath(string? path) => path is { Length: > 1 and < 4096 } && path[0] == '/' && !path.Contains('\0') && !path.Split('/').Contains("..");

    private static void Demand([DoesNotReturnIf(false)] bool holds, string otherwise)
    {
        if (!holds)
        {
            throw RuntimeException.InvalidArgument(otherwise);
        }
    }
}
