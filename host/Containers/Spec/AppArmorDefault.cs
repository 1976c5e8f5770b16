using Berth.Abstractions;
using Berth.Common;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>
/// Berth's own AppArmor profile, for containers that ask for none or for the default. It is loaded before the first of them, and again
/// if somebody has taken it away or another Berth has another.
/// </summary>
public sealed class AppArmorDefault(HostFacts host, string folder)
{
    /// <summary>The profile's name.</summary>
    public const string Name = "berth-default";

    private const string Parser = "apparmor_parser";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly SingleFlight<string> _loading = new();
    private bool _isOurs;

    /// <summary>Why a container cannot have it; empty if it can.</summary>
    /// <param name="security">What the container asks for.</param>
    /// <param name="features">What its handler can do.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<string> EnsureAsync(SecurityContext security, HandlerFeatures features, CancellationToken cancellationToken)
    {
        if (!host.HasAppArmor || !features.AppArmor || security.Privileged || security.Apparmor is not (null or { Type: SecurityProfileType.RuntimeDefault }))
        {
            return "";
        }

        return Volatile.Read(ref _isOurs) && Kernel.HasAppArmorProfile(Name) ? "" : await _loading.RunAsync(Name, LoadAsync, cancellationToken);
    }

    private async Task<string> LoadAsync()
    {
        if (Executable.Find(Parser) is not { } parser)
        {
            return $"{Parser}, which loads it, is not in {Executable.SearchPath}: install it (Debian: apt-get install apparmor)";
        }

        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, Name);
        await File.WriteAllTextAsync(file, AppArmorProfile.Text);
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var result = await CommandRunner.RunAsync(new() { Path = parser, Arguments = ["--replace", "--skip-cache", file] }, null, 64 * 1024, limit.Token);
            if (result.ExitCode != 0 || !Kernel.HasAppArmorProfile(Name))
            {
                return $"{parser} did not load it (status {result.ExitCode}): {result.Error.Trim()}";
            }

            Volatile.Write(ref _isOurs, true);
            return "";
        }
        catch (Exception e) when (e is LinuxException or OperationCanceledException or InvalidDataException)
        {
            return $"{parser} did not load it: {e.Message}";
        }
    }
}
