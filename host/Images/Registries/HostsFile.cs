using Berth.Abstractions;
using Tomlyn;
using Tomlyn.Model;

namespace Berth.Images.Registries;

/// <summary>
/// Finds where a registry's images come from: <c>&lt;folder&gt;/&lt;host&gt;/hosts.toml</c>, or that of <c>_default</c>, in the
/// format of containerd's hosts.md; without one, the registry's own address. Read anew for each pull.
/// </summary>
internal static class HostsFile
{
    private static readonly string[] KnownKeys = ["server", "host", "capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"];

    /// <summary>The addresses to try, in order; the registry itself is the last.</summary>
    /// <exception cref="RuntimeException">The file is broken: FailedPrecondition, with its path.</exception>
    public static IReadOnlyList<RegistryEndpoint> Endpoints(string folder, string registry)
    {
        var file = Candidates(folder, registry).FirstOrDefault(File.Exists);
        if (file is null)
        {
            return [Default(registry)];
        }

        try
        {
            var table = TomlSerializer.Deserialize<TomlTable>(File.ReadAllText(file)) ?? [];
            return Read(table, Path.GetDirectoryName(file)!, registry);
        }
        catch (Exception e) when (e is TomlException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"{file}: {e.Message}", e);
        }
    }

    // A colon in a folder's name is awkward on some file systems, so containerd takes this form as well.
    private static IEnumerable<string> Candidates(string folder, string registry)
    {
        yield return Path.Combine(folder, registry, "hosts.toml");
        if (registry.LastIndexOf(':') is > 0 and var colon)
        {
            yield return Path.Combine(folder, $"{registry[..colon]}_{registry[(colon + 1)..]}_", "hosts.toml");
        }

        yield return Path.Combine(folder, "_default", "hosts.toml");
    }

    private static RegistryEndpoint Default(string registry)
    {
        var isLocal = RegistryHostName.IsLoopback(registry);
        return new()
        {
            Api = new($"https://{RegistryHostName.Server(registry)}/v2"),
            IsServer = true,
            SkipVerify = isLocal,
            MayFallBackToHttp = isLocal,
        };
    }

    private static List<RegistryEndpoint> Read(TomlTable table, string folder, string registry)
    {
        RequireKnown(table, "");
        var endpoints = new List<RegistryEndpoint>();
        if (table.TryGetValue("host", out var hosts))
        {
            foreach (var (address, value) in hosts as TomlTable ?? throw new FormatException("'host' is not a table"))
            {
                var host = value as TomlTable ?? throw new FormatException($"host '{address}' is not a table");
                RequireKnown(host, $"host '{address}': ");
                endpoints.Add(Endpoint(address, host, folder, isServer: false));
            }
        }

        var server = Text(table, "server");
        endpoints.Add(server is null && !HasOwnSettings(table) ? Default(registry)
            : Endpoint(server ?? $"https://{RegistryHostName.Server(registry)}", table, folder, isServer: true));
        return endpoints;
    }

    private static RegistryEndpoint Endpoint(string address, TomlTable table, string folder, bool isServer)
    {
        var capabilities = Texts(table, "capabilities");
        return new()
        {
            Api = ParseAddress(address, Flag(table, "override_path")),
            IsServer = isServer,
            CanResolve = capabilities is null || capabilities.Contains("resolve"),
            CanPull = capabilities is null || capabilities.Contains("pull"),
            SkipVerify = Flag(table, "skip_verify"),
            CaFiles = [.. (Texts(table, "ca") ?? []).Select(p => Path.Combine(folder, p))],
            ClientFiles = Clients(table, folder),
            Headers = Headers(table),
        };
    }

    private static Uri ParseAddress(string address, bool overridePath)
    {
        var text = address.Contains("://", StringComparison.Ordinal) ? address : $"https://{address}";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http") || uri.UserInfo.Length > 0 || uri.Query.Length > 0)
        {
            throw new FormatException($"'{address}' is not an address of the form https://host[:port][/path]");
        }

        var path = uri.AbsolutePath.TrimEnd('/');
        return new(uri.GetLeftPart(UriPartial.Authority) + (overridePath || path.EndsWith("/v2", StringComparison.Ordinal) ? path : path + "/v2"));
    }

    // A file name, a list of them, or a list of pairs of certificate and key.
    private static List<(string, string)> Clients(TomlTable table, string folder)
    {
        if (!table.TryGetValue("client", out var value))
        {
            return [];
        }

        var entries = value is TomlArray array ? array.ToList() : [value];
        return [.. entries.Select(entry => entry switch
        {
            string file => (Path.Combine(folder, file), Path.Combine(folder, file)),
            TomlArray { Count: 2 } pair when pair[0] is string certificate && pair[1] is string key =>
                (Path.Combine(folder, certificate), key.Length == 0 ? Path.Combine(folder, certificate) : Path.Combine(folder, key)),
            _ => throw new FormatException("'client' is not a file, nor a list of files or of [certificate, key]"),
        })];
    }

    private static List<KeyValuePair<string, string>> Headers(TomlTable table)
    {
        if (!table.TryGetValue("header", out var value))
        {
            return [];
        }

        var headers = value as TomlTable ?? throw new FormatException("'header' is not a table");
        return [.. headers.Keys.SelectMany(key => (Texts(headers, key) ?? []).Select(text => KeyValuePair.Create(key, text)))];
    }

    private static bool HasOwnSettings(TomlTable table) => table.Keys.Any(static k => k is not ("host" or "server"));

    private static void RequireKnown(TomlTable table, string where)
    {
        if (table.Keys.FirstOrDefault(static k => !KnownKeys.Contains(k)) is { } unknown)
        {
            throw new FormatException($"{where}unknown key '{unknown}'; known are {string.Join(", ", KnownKeys)}");
        }
    }

    private static string? Text(TomlTable table, string key) =>
        !table.TryGetValue(key, out var value) ? null : value as string ?? throw new FormatException($"'{key}' is not a string");

    private static bool Flag(TomlTable table, string key) =>
        table.TryGetValue(key, out var value) && (value as bool? ?? throw new FormatException($"'{key}' is not true or false"));

    private static List<string>? Texts(TomlTable table, string key) =>
        !table.TryGetValue(key, out var value) ? null : value switch
        {
            string text => [text],
            TomlArray array => [.. array.Select(item => item as string ?? throw new FormatException($"'{key}' holds something else than strings"))],
            _ => throw new FormatException($"'{key}' is not a string or a list of strings"),
        };
}
