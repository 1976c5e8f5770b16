using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>Seccomp profiles by what a request says: the distribution's for RuntimeDefault, a file of the node for Localhost.</summary>
/// <param name="defaultPath">The file for RuntimeDefault.</param>
/// <param name="host">For its architecture and kernel.</param>
public sealed class SeccompProfiles(string defaultPath, HostFacts host)
{
    private const int MaxBytes = 4 * 1024 * 1024;

    // Pods choose the capabilities, so the number of different filters has no bound of its own.
    private const int MaxCached = 64;

    // Older kubelets and tools write it before an absolute path.
    private const string LocalhostPrefix = "localhost/";

    private readonly Lock _gate = new();
    private readonly Dictionary<Key, OciSeccomp> _filters = [];
    private readonly SeccompEvaluator _evaluator = new(host.Architecture, host.KernelVersion);

    /// <summary>The filter for a container with the given bounding set; null is unconfined.</summary>
    public OciSeccomp? Find(SecurityProfile? profile, CapabilitySet granted) => profile?.Type switch
    {
        null or SecurityProfileType.Unconfined => null,
        SecurityProfileType.RuntimeDefault => Load(
            defaultPath,
            granted,
            $"the seccomp profile for RuntimeDefault {defaultPath} is missing; "
            + "install the Debian package golang-github-containers-common, or set security.seccompProfile"),
        SecurityProfileType.Localhost => Localhost(profile.LocalhostRef, granted),
        _ => throw RuntimeException.InvalidArgument($"the seccomp profile type {profile.Type} is not known"),
    };

    private OciSeccomp Localhost(string reference, CapabilitySet granted)
    {
        var path = reference.StartsWith(LocalhostPrefix + "/", StringComparison.Ordinal) ? reference[LocalhostPrefix.Length..] : reference;
        var normalized = ContainerPath.Normalize(path, "the seccomp profile");
        return Load(normalized, granted, $"the seccomp profile {normalized} does not exist on this node; put it there, or choose RuntimeDefault");
    }

    private OciSeccomp Load(string path, CapabilitySet granted, string missing)
    {
        var status = FileStatus.Find(path) ?? throw RuntimeException.FailedPrecondition(missing);
        if (status.Kind != FileKind.Regular || status.SizeBytes > MaxBytes)
        {
            throw RuntimeException.InvalidArgument($"the seccomp profile {path} must be a regular file of at most {MaxBytes} bytes");
        }

        var key = new Key(path, File.GetLastWriteTimeUtc(path), status.SizeBytes, granted);
        lock (_gate)
        {
            if (_filters.TryGetValue(key, out var known))
            {
                return known;
            }
        }

        var filter = Evaluate(path, granted);
        lock (_gate)
        {
            if (_filters.Count >= MaxCached)
            {
                _filters.Clear();
            }

            _filters[key] = filter;
        }

        return filter;
    }

    private OciSeccomp Evaluate(string path, CapabilitySet granted)
    {
        try
        {
            return _evaluator.Evaluate(SeccompSource.Parse(File.ReadAllBytes(path)), granted);
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"the seccomp profile {path} is not valid: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"cannot read the seccomp profile {path}: {e.Message}", e);
        }
        catch (RuntimeException e)
        {
            throw new RuntimeException(e.Code, $"the seccomp profile {path} cannot be used: {e.Message}", e);
        }
    }

    private sealed record Key(string Path, DateTime Modified, long SizeBytes, CapabilitySet Granted);
}
