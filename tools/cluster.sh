#!/bin/sh
# usage: cluster.sh NUNC FOLDER [PORT]
#
# Three nodes of one cluster on loopback, for a first look, until Ctrl-C. Node N, from 1, has its
# WebSocket, HTTP and TCP doors and its port for other nodes at PORT + 10 * (N - 1) and the three
# ports behind that (PORT: 3012). Their data stay in FOLDER; the second time they go on from there.
set -eu
nunc=$1
folder=$2
first=${3:-3012}

mkdir -p "$folder"
if [ ! -e "$folder/secret" ]; then
  (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/secret")
fi

pids=''
stop() {
  trap - INT TERM EXIT
  # shellcheck disable=SC2086
  kill $pids 2>/dev/null || true
  wait
}
trap stop INT TERM EXIT

port() { # of which node, which door
  echo "127.0.0.1:$((first + 10 * ($1 - 1) + $2))"
}

for node in 1 2 3; do
  enter='--bootstrap'
  if [ $node != 1 ]; then
    enter="--join $(port 1 3)"
  fi
  # shellcheck disable=SC2086
  "$nunc" start --id $node --data "$folder/$node" --no-demo $enter \
    --cluster-secret-file "$folder/secret" --listen "$(port $node 3)" \
    -w "$(port $node 0)" -h "$(port $node 1)" -t "$(port $node 2)" >"$folder/$node.log" 2>&1 &
  pids="$pids $!"
  echo "node $node: pid $!, WebSocket $(port $node 0), HTTP $(port $node 1)," \
    "TCP $(port $node 2), log $folder/$node.log"
done

# Whoever is primary makes the database; when it is there already, it says so.
made=''
tries=0
while [ -z "$made" ] && [ $tries -lt 100 ]; do
  tries=$((tries + 1))
  sleep 0.2
  for node in 1 2 3; do
    answer=$("$nunc" -h "http://$(port $node 1)" create-db -d demo -t demo --ack disk 2>&1) || true
    case $answer in
      *success* | *"already exist"*) made=$node ;;
    esac
  done
done
echo "database demo, token demo; its writes are confirmed by a majority"
echo "cluster ready, stop with Ctrl-C"
wait
