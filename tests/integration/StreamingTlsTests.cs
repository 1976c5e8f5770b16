using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>The streaming server with a certificate, which is replaced while it runs.</summary>
public sealed class StreamingTlsTests(Suite suite)
{
    [Fact]
    public async Task Exec_OverTls_HasTheCertificateThatIsOnDiskNow()
    {
        await suite.RequireAsync("runc");
        using var folder = new TempFolder();
        var first = Write(folder, "first");
        await using var gateway = await suite.OwnGatewayAsync(settings => settings["streaming"] = new JsonObject
        {
            ["listen"] = "127.0.0.1:0",
            ["certificate"] = folder["tls.crt"],
            ["key"] = folder["tls.key"],
        });
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "runc");
        var id = await pod.StartAsync(Requests.Idle());
        Assert.Equal(first, await EchoAsync(gateway, id));
        var second = Write(folder, "second");
        Assert.Equal(second, await EchoAsync(gateway, id));

        // A key that is another's leaves what was good.
        File.WriteAllText(folder["tls.key"], RSA.Create(2048).ExportPkcs8PrivateKeyPem());
        Assert.Equal(second, await EchoAsync(gateway, id));
        Assert.Contains("keeps its certificate", gateway.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_ThatIsNone_IsTheReasonWhyThereAreNoStreams()
    {
        var (code, log) = await Gateway.RunToEndAsync(static settings => settings["streaming"] = new JsonObject { ["certificate"] = "/no/such/tls.crt" });
        Assert.Equal(78, code);
        Assert.Contains("streaming.key", log, StringComparison.Ordinal);
    }

    private static async Task<string> EchoAsync(Gateway gateway, string id)
    {
        var answer = await gateway.Client.Runtime.ExecAsync(new ExecRequest { ContainerId = id, Cmd = { "echo", "over TLS" }, Stdout = true });
        Assert.StartsWith("https://127.0.0.1:", answer.Url, StringComparison.Ordinal);
        var seen = "";
        await using var client = await ChannelClient.ConnectAsync(answer.Url, "v5.channel.k8s.io", certificate =>
        {
            seen = certificate?.GetCertHashString() ?? "";
            return true;
        });
        await client.ReadToEndAsync();
        Assert.Equal("over TLS\n", client.Text(1));
        return seen;
    }

    private static string Write(TempFolder folder, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(folder["tls.key"], key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(folder["tls.crt"], certificate.ExportCertificatePem());
        return certificate.GetCertHashString();
    }
}
