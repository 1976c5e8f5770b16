using System.Text.RegularExpressions;
using Berth.Abstractions;

namespace Berth.Images;

/// <summary>
/// The name of an image in full form, in the grammar of the distribution specification with Docker's defaults:
/// <c>busybox</c> is <c>docker.io/library/busybox:latest</c>.
/// </summary>
public sealed partial record ImageReference
{
    private const int LongestName = 255;

    private ImageReference(string registry, string path, string? tag, Digest? digest) =>
        (Registry, Path, Tag, Digest) = (registry, path, tag, digest);

    /// <summary>The registry's host, with a port if it was given.</summary>
    public string Registry { get; }

    /// <summary>The repository within the registry.</summary>
    public string Path { get; }

    /// <summary>The tag; null if only a digest was given.</summary>
    public string? Tag { get; }

    /// <summary>The digest, which rules where both are given.</summary>
    public Digest? Digest { get; }

    /// <summary>Registry and path.</summary>
    public string Repository => $"{Registry}/{Path}";

    /// <summary>What the image is stored under: <c>repository@digest</c>, or <c>repository:tag</c>.</summary>
    public string Name => Digest is { } digest ? NameOf(digest) : $"{Repository}:{Tag}";

    /// <summary>The name of this repository's image with that digest.</summary>
    public string NameOf(Digest digest) => $"{Repository}@{digest}";

    /// <summary>Reads a reference.</summary>
    /// <exception cref="RuntimeException">It is none: InvalidArgument.</exception>
    public static ImageReference Parse(string text) =>
        TryParse(text, out var reference, out var reason) ? reference!
            : throw RuntimeException.InvalidArgument(
                $"image reference '{Shorten(text)}': {reason}; the form is [registry[:port]/]repository[:tag][@sha256:hex]");

    /// <summary>Reads a reference, if it is one.</summary>
    public static ImageReference? TryParse(string text) => TryParse(text, out var reference, out _) ? reference : null;

    /// <inheritdoc/>
    public override string ToString() => Tag is not null && Digest is { } digest ? $"{Repository}:{Tag}@{digest}" : Name;

    private static bool TryParse(string text, out ImageReference? reference, out string reason)
    {
        reference = null;
        reason = "";
        if (text.Length is 0 or > LongestName + 1 + 128 + 1 + 135)
        {
            reason = text.Length == 0 ? "it is empty" : "it is too long";
            return false;
        }

        if (Hex64().IsMatch(text))
        {
            reason = "64 hex digits are an image id, not a name";
            return false;
        }

        if (!TryTakeDigest(text, out var rest, out var digest))
        {
            reason = "the digest is not sha256 or sha512 in lower-case hex digits";
            return false;
        }

        var (name, tag) = SplitTag(rest);
        if (tag is not null && !TagForm().IsMatch(tag))
        {
            reason = $"the tag '{Shorten(tag)}' is not of letters, digits, '_', '.' and '-' (128 at most)";
            return false;
        }

        var (registry, path) = SplitRegistry(name);
        reason = !RegistryForm().IsMatch(registry) ? $"'{registry}' is not a host"
            : !PathForm().IsMatch(path) ? $"the repository '{path}' is not of lower-case letters, digits and single separators"
            : registry.Length + 1 + path.Length > LongestName ? $"the name is longer than {LongestName} characters"
            : "";
        reference = reason.Length == 0 ? new(registry, path, tag ?? (digest is null ? "latest" : null), digest) : null;
        return reference is not null;
    }

    private static bool TryTakeDigest(string text, out string rest, out Digest? digest)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        (rest, digest) = (at < 0 ? text : text[..at], null);
        if (at < 0)
        {
            return true;
        }

        var valid = Images.Digest.TryParse(text[(at + 1)..], out var parsed);
        digest = parsed;
        return valid;
    }

    private static (string Name, string? Tag) SplitTag(string text)
    {
        // A colon before a slash belongs to a port.
        var colon = text.LastIndexOf(':');
        return colon > text.LastIndexOf('/') ? (text[..colon], text[(colon + 1)..]) : (text, null);
    }

    // The first part is a host if it could not be a repository's part, or is localhost.
    private static (string Registry, string Path) SplitRegistry(string name)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var first = slash < 0 ? "" : name[..slash];
        var isHost = first == "localhost" || first.AsSpan().ContainsAny('.', ':', '[') || first.AsSpan().ContainsAnyInRange('A', 'Z');
        var (registry, path) = isHost ? (first, name[(slash + 1)..]) : ("docker.io", name);
        registry = registry == "index.docker.io" ? "docker.io" : registry;
        return registry == "docker.io" && !path.Contains('/') ? (registry, $"library/{path}") : (registry, path);
    }

    private static string Shorten(string text) => text.Length <= 300 ? text : text[..300] + "…";

    [GeneratedRegex(@"^[0-9a-f]{64}\z")]
    private static partial Regex Hex64();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\z")]
    private static partial Regex TagForm();

    [GeneratedRegex(@"^(?:(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?\z", RegexOptions.NonBacktracking)]
    private static partial Regex RegistryForm();

    [GeneratedRegex(@"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z", RegexOptions.NonBacktracking)]
    private static partial Regex PathForm();
}
