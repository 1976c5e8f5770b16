using System.Globalization;
using System.Security.Cryptography;

namespace Berth.Configuration;

/// <summary>Reads <c>plugins.signatures</c>.</summary>
internal static class SignatureReader
{
    public static SignatureOptions Read(ConfigNode node) => new()
    {
        AllowUnsigned = node.Flag("allowUnsigned") ?? false,
        Keys = node.Objects("keys", Key),
    };

    private static TrustedKey Key(string name, ConfigNode node)
    {
        if (!HandlerNames.IsValid(name))
        {
            node.Error("", $"'{name}' cannot be a key's name: {HandlerNames.Rule}");
        }

        return new(PublicKey(node), NotAfter(node)) { Plugins = Plugins(node) };
    }

    private static IReadOnlyList<string> Plugins(ConfigNode node)
    {
        var ids = node.Texts("plugins");
        foreach (var id in ids?.Where(static i => !HandlerNames.IsValid(i)) ?? [])
        {
            node.Error("plugins", $"'{id}' cannot be a plugin's id: {HandlerNames.Rule}");
        }

        if (ids is [])
        {
            node.Error("plugins", "is an empty list: without it the key counts for every plugin, and a key for none has no use");
        }

        return ids ?? [];
    }

    private static byte[] PublicKey(ConfigNode node)
    {
        const string Hint = "`berth plugin keygen` prints it, and so does `openssl ec -in KEY -pubout -outform DER | base64 -w0`";
        try
        {
            var key = Convert.FromBase64String(node.Text("publicKey") ?? "");
            TrustedKey.Import(key).Dispose();
            return key;
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            node.Error("publicKey", $"is not a public key on the curve P-256 in base64; {Hint}");
            return [];
        }
    }

    private static DateTimeOffset? NotAfter(ConfigNode node)
    {
        if (node.Text("notAfter") is not { } text)
        {
            return null;
        }

        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        string[] forms = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss'Z'"];
        if (DateTimeOffset.TryParseExact(text, forms, CultureInfo.InvariantCulture, Utc, out var end))
        {
            return text.Contains('T') ? end : end.AddDays(1).AddTicks(-1);
        }

        node.Error("notAfter", $"'{text}' is not a day like 2030-01-31 or a moment like 2030-01-31T12:00:00Z");
        return null;
    }
}
