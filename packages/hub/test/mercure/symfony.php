<?php
// Publishes to a Mercure hub and reads the updates back, with Symfony's client. Arguments: the hub's URL, a token, a token without grants.
require '/usr/share/php/Symfony/Component/Mercure/autoload.php';
require '/usr/share/php/Symfony/Component/HttpClient/autoload.php';

use Symfony\Component\HttpClient\Chunk\ServerSentEvent;
use Symfony\Component\HttpClient\EventSourceHttpClient;
use Symfony\Component\HttpClient\HttpClient;
use Symfony\Component\Mercure\Hub;
use Symfony\Component\Mercure\Jwt\StaticTokenProvider;
use Symfony\Component\Mercure\Update;

[, $url, $token, $narrow] = $argv;
$topic = 'https://example.com/books/1';
$hub = new Hub($url, new StaticTokenProvider($token), null, null, HttpClient::create());
$ids = [
    $hub->publish(new Update($topic, 'public')),
    $hub->publish(new Update([$topic, 'https://example.com/b'], "private\nand é", true, 'my-id', 'created', 5000)),
];
$refused = null;
try {
    (new Hub($url, new StaticTokenProvider($narrow), null, null, HttpClient::create()))->publish(new Update($topic, 'no'));
} catch (RuntimeException $error) {
    $refused = get_class($error);
}

$client = new EventSourceHttpClient(HttpClient::create());
$source = $client->connect($url.'?topic='.urlencode('https://example.com/books/{id}').'&lastEventID=earliest', [
    'headers' => ['Authorization' => 'Bearer '.$token],
]);
$events = [];
foreach ($client->stream($source, 5) as $chunk) {
    if (!$chunk instanceof ServerSentEvent || str_starts_with($chunk->getType(), 'stream.')) {
        continue;
    }
    $events[] = [$chunk->getId(), $chunk->getType(), $chunk->getData()];
    if (2 === count($events)) {
        break;
    }
}
echo json_encode(['ids' => $ids, 'refused' => $refused, 'events' => $events]);
