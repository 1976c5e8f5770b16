using System.Text.Json;
using Berth.Linux;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>Capabilities, seccomp, AppArmor, new privileges.</summary>
internal static class SecurityTranslation
{
    public static void Apply(OciSpec spec, HostConfig host)
    {
        var process = spec.Process;
        var capabilities = process.Capabilities ?? new();
        if (capabilities.Ambient.Count > 0 || capabilities.Inheritable.Count > 0)
        {
            throw Translation.Unsaid("process.capabilities.ambient or inheritable");
        }

        // Dropped first and added then, so what is bounding is exactly the list. A privileged container has all that the Engine knows;
        // 20.10 refuses the names of later ones (CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE).
        if (!host.Privileged)
        {
            host.CapDrop = ["ALL"];
            host.CapAdd = [.. capabilities.Bounding];
        }

        host.SecurityOpt = [Seccomp(spec.Linux.Seccomp)];
        if (process.NoNewPrivileges)
        {
            host.SecurityOpt.Add("no-new-privileges");
        }

        if (Kernel.HasAppArmor)
        {
            host.SecurityOpt.Add($"apparmor={(process.ApparmorProfile is { Length: > 0 } profile ? profile : "unconfined")}");
        }

        if (Kernel.HasSelinux)
        {
            host.SecurityOpt.Add("label=disable");
        }
    }

    // The Engine's profile format is linux.seccomp with more members, and it takes the text itself.
    private static string Seccomp(JsonElement? seccomp)
    {
        if (!Translation.IsGiven(seccomp))
        {
            return "seccomp=unconfined";
        }

        return seccomp!.Value.TryGetProperty("listenerPath", out var listener) && listener.ValueKind == JsonValueKind.String
            ? throw Translation.Unsaid("linux.seccomp.listenerPath")
            : $"seccomp={seccomp.Value.GetRawText()}";
    }
}
