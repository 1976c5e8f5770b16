using System.Security.Cryptography;
using Berth.Configuration;

namespace Berth.Tests.Unit.Packages;

/// <summary>Plugin folders that nobody loads, and keys.</summary>
internal static class PluginSample
{
    public static string Write(TempFolder folder, string name, string version = "1.0.0", string id = "acme", string content = "assembly")
    {
        folder.Write($"{name}/plugin.json", $$"""
            { "id": "{{id}}", "version": "{{version}}", "contract": { "min": "1.0", "max": "1.0" }, "assembly": "Acme.dll", "handlers": { "acme": {} } }
            """);
        folder.Write($"{name}/Acme.dll", content);
        folder.Write($"{name}/lib/helper", "#!/bin/sh\n");
        var path = Path.Combine(folder.Path, name);
        File.SetUnixFileMode(Path.Combine(path, "lib/helper"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(Path.Combine(path, "lib/alias"), "helper");
        return path;
    }

    public static SignatureOptions Trust(ECDsa key, DateTimeOffset? notAfter = null) =>
        new() { Keys = new Dictionary<string, TrustedKey> { ["acme"] = new(key.ExportSubjectPublicKeyInfo(), notAfter) } };
}
